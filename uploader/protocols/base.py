"""The words every upload protocol is written in.

A protocol is a generator. It yields a `Request` and is sent the `Response`, or yields a `Checkpoint` (and is sent
nothing of interest); it ends by returning when the server holds the whole file. It does no I/O, never retries, and says
what went wrong by raising from `uploader.errors`. Where a request brought no response, the error is thrown in at its
`yield`: there to pass through, or to be put in words that fit the protocol better.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from uploader.errors import (
    CaptivePortal,
    DiskFull,
    ReelferryError,
    Refused,
    ServerBusy,
    UploadExpired,
    UploadForgotten,
)
from uploader.wire import ChunkRules, Ticket

A_DAY = 86_400.0
"""Seconds. Whoever asks for more patience than this is asked again all the same."""


@dataclass(frozen=True, slots=True)
class Span:
    """`length` bytes of the file from `start`: named, not read."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Digest:
    """A header "ALGORITHM BASE64" over the body of its request: named, not computed."""

    header: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the upload host. `body` is sent in order; its length is known beforehand."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[bytes | Span, ...] = ()
    digest: Digest | None = None

    @property
    def length(self) -> int:
        """Bytes in the body."""
        return sum(part.length if isinstance(part, Span) else len(part) for part in self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are lower-case; `text` is the start of the body, for the log."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The server holds everything before `offset`. Keep `resume`, and you may crash."""

    offset: int
    resume: Mapping[str, str] = field(default_factory=dict)


Steps = Generator[Request | Checkpoint, Response, None]

Protocol = Callable[[Ticket, int, Mapping[str, str], Callable[[], int]], Steps]
"""(ticket, file size, resume of the last checkpoint, chunk size wanted now in bytes) -> the conversation."""


def fit(rules: ChunkRules, wanted: int, left: int) -> int:
    """How long the next piece is, in bytes: near `wanted`, within `rules`. The last one is whatever is `left`."""
    wanted = max(wanted, rules.min)
    if rules.max is not None:
        wanted = min(wanted, rules.max)
    whole = wanted - wanted % rules.multiple
    if whole < rules.min:
        whole += rules.multiple
    return min(whole, left)


def refusal(reply: Response) -> ReelferryError:
    """What a reply that is no success means, whichever protocol asked."""
    detail = f"{reply.status} {reply.text[:200]}".strip()
    match reply.status:
        case 404:
            return UploadForgotten(detail)
        case 403 | 410:
            return UploadExpired(detail)
        case 507:
            return DiskFull(detail, retry_after=retry_after(reply))
        case 511:
            return CaptivePortal(detail)
        case status if status in {408, 423, 425, 429} or status >= 500:
            return ServerBusy(detail, retry_after=retry_after(reply))
    return Refused(detail)


def is_page(reply: Response) -> bool:
    """Whether a success is a web page: what a network's sign-in answers in the place of hosts that send none."""
    kind = reply.headers.get("content-type", "").lower()
    return reply.status < 300 and kind.startswith("text/html") and reply.text.lstrip().startswith("<")


def retry_after(reply: Response) -> float | None:
    """Seconds the server asks us to wait, a day at most: given as such, or as a date to compare with its own `Date`."""
    asked = reply.headers.get("retry-after", "").strip()
    seconds = float(asked) if asked.isdecimal() and asked.isascii() else seconds_until(reply, "retry-after")
    return None if seconds is None else min(max(0.0, seconds), A_DAY)


def seconds_until(reply: Response, name: str) -> float | None:
    """From the reply's own `Date` to the date in the header `name`: nobody's clock but the server's counts."""
    try:
        until = parsedate_to_datetime(reply.headers[name]) - parsedate_to_datetime(reply.headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    return until.total_seconds()
