"""PUTs with Content-Range onto one address, as Google Cloud Storage takes them and those who speak like it.

A 308 names the bytes that are held, which need not be those that were sent. Only 200 and 201 say that it has them all.
Where a reply leaves it in doubt the host is asked (`bytes */SIZE`); not every host can say, and then the offset it
acknowledged last counts. A new address is not asked: nothing can be there, and no host's own client would do it.
"""

import math
import re
from collections.abc import Callable, Generator, Mapping

from uploader.errors import CaptivePortal, Interrupted, Refused, UploadForgotten
from uploader.protocols.base import Checkpoint, Request, Response, Span, Steps, fit, is_page, refusal
from uploader.wire import ChunkRules, Ticket

PIECE = 256 * 1024  # every piece but the last is a multiple, whatever the ticket says
MORE = 308
DOUBTS = 3  # replies in a row that move nothing; one more is an interruption
HELD = re.compile(r"bytes=0-([0-9]{1,18})")
NOTHING = "bytes=0-0"  # what some hosts say for nothing at all; if it is one byte, it goes out twice


def content_range(ticket: Ticket, size: int, resume: Mapping[str, str], wanted: Callable[[], int]) -> Steps:
    """PUT the file in pieces onto `ticket.upload_url`. A Checkpoint follows every offset the host names."""
    url, rules = ticket.upload_url, _in_whole_pieces(ticket.chunk)
    offset, guessed = yield from _begin(url, size, resume)
    doubts = 0
    while offset < size:
        yield Checkpoint(offset, {"acknowledged": str(offset)})
        span = Span(offset, fit(rules, wanted(), size - offset))
        try:
            held = yield from _put(url, size, span)
        except Refused as no:
            if guessed:
                raise UploadForgotten(f"it cannot say where it stands, and refused {offset}: {no.detail}") from no
            raise
        guessed = False
        doubts = 0 if held > offset else doubts + 1
        if doubts > DOUBTS:
            raise Interrupted(f"the host stays at {held} of {size}")
        offset = held
    yield Checkpoint(size, {"acknowledged": str(size)})


def _in_whole_pieces(rules: ChunkRules) -> ChunkRules:
    return rules.model_copy(update={"multiple": math.lcm(rules.multiple, PIECE)})


def _begin(url: str, size: int, resume: Mapping[str, str]) -> Generator[Request, Response, tuple[int, bool]]:
    """Where to go on, and whether that is only what the host said last time."""
    acknowledged = int(resume.get("acknowledged", "0"))
    if not resume or acknowledged == size:
        return acknowledged, False
    held = yield from _ask(url, size)
    return (acknowledged, True) if held is None else (held, False)


def _put(url: str, size: int, span: Span) -> Generator[Request, Response, int]:
    """Send one piece. The offset the host stands at afterwards; `size` only where it says that it is done."""
    end = span.start + span.length
    reply = yield Request("PUT", url, {"Content-Range": f"bytes {span.start}-{end - 1}/{size}"}, (span,))
    try:
        held = _acknowledged(reply, size)
    except Refused:  # perhaps only because it stands elsewhere
        held = yield from _ask(url, size)
        if held in {None, span.start}:
            raise
        return held
    if held is not None and span.start < held <= end:
        return held
    if held == size:
        raise UploadForgotten(f"the host calls {end} of {size} bytes the whole file")
    held = yield from _ask(url, size)
    return span.start if held is None else held


def _ask(url: str, size: int) -> Generator[Request, Response, int | None]:
    """Ask the host what it holds: None where it does not know the question."""
    reply = yield Request("PUT", url, {"Content-Range": f"bytes */{size}"})
    try:
        held = _acknowledged(reply, size)
    except Refused:
        return None
    if reply.status == MORE and reply.headers.get("range", NOTHING) == NOTHING:
        return 0
    if held is None or held > size:
        raise Interrupted(f"status {reply.status}: no usable range")
    return held


def _acknowledged(reply: Response, size: int) -> int | None:
    """The offset in a reply; None where it says nothing that can be relied on. Raises what a refusal means."""
    if is_page(reply):
        raise CaptivePortal(f"{reply.status} and a page")
    if reply.status in {200, 201}:
        return size
    if reply.status == 501:
        raise Refused(f"501 {reply.text[:200]}")
    if reply.status < 300:
        return None
    if reply.status != MORE or "location" in reply.headers:
        raise refusal(reply)
    named = HELD.fullmatch(reply.headers.get("range", ""))
    if named is None:
        return None
    held = int(named[1]) + 1
    if held == size:
        raise Interrupted("every byte is held, and the host does not say that it is done")
    return held
