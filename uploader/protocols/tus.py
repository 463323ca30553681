"""The tus 1.0.0 resumable upload protocol, client side (https://tus.io/protocols/resumable-upload).

The server's offset is the truth. Every conversation begins by asking for it (HEAD), and asks again whenever a reply
leaves it in doubt; `resume` has nothing to add to what the ticket says. A piece has a checksum where the ticket says by
which, and none leaves for an upload that ends, by the server's clock, before the piece could be there.
"""

import re
from collections.abc import Callable, Generator, Mapping

from uploader.errors import CaptivePortal, Interrupted, UploadExpired, UploadForgotten
from uploader.protocols.base import Checkpoint, Digest, Request, Response, Span, Steps, fit, refusal, seconds_until
from uploader.wire import Ticket

VERSION = {"Tus-Resumable": "1.0.0"}
NUMBER = re.compile(r"[0-9]{1,18}")
DOUBTS = 3  # replies in a row that move nothing; one more is an interruption
LAST_CALL = 10.0  # seconds before the end of an upload in which no piece is begun


def tus(ticket: Ticket, size: int, resume: Mapping[str, str], wanted: Callable[[], int]) -> Steps:
    """PATCH the file in pieces onto `ticket.upload_url`. A Checkpoint follows every offset the server names."""
    url, checksum = ticket.upload_url, ticket.chunk.checksum
    digest = None if checksum is None else Digest("Upload-Checksum", checksum)
    offset = yield from _ask(url, size)
    yield Checkpoint(offset)
    doubts = 0
    while offset < size:
        length = fit(ticket.chunk, wanted(), size - offset)
        reply = yield Request("PATCH", url, _patch(offset), (Span(offset, length),), digest)
        held = _acknowledged(reply)
        if held is None or not offset < held <= offset + length:
            held = yield from _ask(url, size)
        doubts = 0 if held > offset else doubts + 1
        if doubts > DOUBTS:
            raise Interrupted(f"the server stays at {held} of {size}")
        offset = held
        yield Checkpoint(offset)
        if offset < size:
            _require_time(reply)


def _patch(offset: int) -> Mapping[str, str]:
    return VERSION | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}


def _ask(url: str, size: int) -> Generator[Request, Response, int]:
    """Ask the server how many bytes it holds."""
    reply = yield Request("HEAD", url, VERSION)
    held = _acknowledged(reply)
    length = _number(reply, "upload-length")
    if held is None or held > size:
        raise Interrupted(f"HEAD {reply.status}: no usable offset")
    if length not in {None, size}:
        raise UploadForgotten(f"the address is of an upload of {length} bytes, not {size}")
    if held < size:
        _require_time(reply)
    return held


def _require_time(reply: Response) -> None:
    """UploadExpired if the host says that the upload ends now or sooner."""
    left = seconds_until(reply, "upload-expires")
    if left is not None and left < LAST_CALL:
        raise UploadExpired(f"it ends in {left:.0f} s")


def _acknowledged(reply: Response) -> int | None:
    """The offset in a reply; None where it says nothing that can be relied on. Raises what a refusal means."""
    offset = _number(reply, "upload-offset")
    if reply.status < 400:
        if offset is None and "tus-resumable" not in reply.headers:
            raise CaptivePortal(f"{reply.status} from something that is no tus server")
        if reply.status >= 300:
            raise refusal(reply)
        return offset
    if reply.status in {409, 460}:  # not where we thought; arrived damaged and was thrown away
        return None
    raise refusal(reply)


def _number(reply: Response, name: str) -> int | None:
    text = reply.headers.get(name, "")
    return int(text) if NUMBER.fullmatch(text) else None
