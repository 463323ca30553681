"""A form with the file in it: one POST and nothing to resume, as a browser sends it (RFC 7578).

The host keeps nothing of a broken request, so the only way on is from the beginning; what breaks it says so. An address
is good for one file: one that refuses a second try may well have the first.
"""

import hashlib
from collections.abc import Callable, Generator, Mapping

from uploader.errors import (
    CaptivePortal,
    DiskFull,
    Interrupted,
    Refused,
    ServerBusy,
    Stalled,
    TooLarge,
    UploadForgotten,
)
from uploader.protocols.base import Checkpoint, Request, Response, Span, Steps, is_page, refusal
from uploader.wire import Ticket

BEGUN, WHOLE = {"sent": "perhaps"}, {"sent": "whole"}
AGAIN = "This server takes a file only in one go. It starts from the beginning by itself."


def form(ticket: Ticket, size: int, resume: Mapping[str, str], wanted: Callable[[], int]) -> Steps:
    """POST the file as the field `file` to `ticket.upload_url`. The Checkpoints are nothing and everything."""
    if ticket.chunk.max is not None and size > ticket.chunk.max:
        raise TooLarge(f"{size} bytes in a form of {ticket.chunk.max}")
    if resume != WHOLE:
        yield Checkpoint(0, BEGUN)
        yield from _post(ticket.upload_url, size, again=resume == BEGUN)
    yield Checkpoint(size, WHOLE)


def _post(url: str, size: int, *, again: bool) -> Generator[Request, Response, None]:
    boundary = hashlib.sha256(url.encode()).hexdigest()  # the address is secret: no file can have been made to hold it
    before = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="video"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = (before.encode(), Span(0, size), f"\r\n--{boundary}--\r\n".encode())
    try:
        _accepted((yield Request("POST", url, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body)))
    except (Interrupted, Stalled) as broken:
        raise type(broken)(broken.detail, hint=AGAIN) from broken
    except (DiskFull, ServerBusy) as later:
        raise type(later)(later.detail, hint=AGAIN, retry_after=later.retry_after) from later
    except Refused as no:
        if again and not no.detail.startswith("413"):
            raise UploadForgotten(f"a second time: {no.detail}") from no
        raise


def _accepted(reply: Response) -> None:
    """Raises what any reply means that does not say the host has the file."""
    if is_page(reply):
        raise CaptivePortal(f"{reply.status} and a page")
    if reply.status >= 300:
        raise refusal(reply)
    if reply.status not in {200, 201, 204}:
        raise Interrupted(f"POST {reply.status}: neither yes nor no")
