"""The words every upload protocol is written in.

A protocol is a generator. It yields a `Request` and is sent the `Response`, or yields a `Checkpoint` (and is sent
nothing of interest); it ends by returning when the server holds the whole file. It does no I/O, never retries, and says
what went wrong by raising from `uploader.errors`.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

from uploader.wire import Ticket


@dataclass(frozen=True, slots=True)
class Span:
    """`length` bytes of the file from `start`: named, not read."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the upload host. `body` is sent in order; its length is known beforehand."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[bytes | Span, ...] = ()

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
