"""What happens in a server, told to whoever counts it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

Answer = Literal["ok", "refused", "unavailable", "broken"]
"""Of a provider: it did it; it said no; it was too busy or not to be reached; something nobody foresaw."""

Heard = Literal["accepted", "ignored", "duplicate", "unknown", "forged", "too_old", "unsigned", "unreadable"]
"""Of a webhook: taken; nothing in it for us; taken before; of no video that we have; signed by somebody else; signed
too long ago; signed in no way we know; signed well, and not to be understood.
"""

Worked = Literal["done", "later", "failed", "given_up", "returned"]
"""Of a job: done; to be done again at a time of its own; to be tried again; never again; given back untouched."""


class Observer:
    """Hears of everything and does nothing: most servers have nobody who wants figures. Called in any thread."""

    def begun(self) -> None:
        """A request has come."""

    def ended(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        """Its reply has gone, or could not be made; `received` bytes of a body had come."""

    def streaming(self) -> AbstractContextManager[object]:
        """An event stream is open while the block runs."""
        return nullcontext()

    def called(self, provider: str, operation: str, answer: Answer, seconds: float) -> None:
        """A provider was asked for something, tries again and pauses between them included."""

    def heard(self, provider: str, result: Heard) -> None:
        """A webhook has come, and what it led to is in the database."""

    def worked(self, kind: str, result: Worked, seconds: float) -> None:
        """A worker has let go of a job, and that is in the database."""

    def replaced(self, place: int) -> None:
        """The process at this place, one of several that answer, has ended by itself; another one will have it."""
