"""Who may touch an upload now: one request at a time, and the newest wins over a stale one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

PATIENCE = 10.0


class Taken(Exception):
    """Another request holds the upload and does not let go."""


class Stopping(Exception):
    """The server is about to end; nothing is begun any more."""


@dataclass(slots=True)
class Turn:
    """The right to touch one upload. `wanted` says that a newer request waits for it."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    reading: anyio.CancelScope | None = None
    waiting: int = 0
    stopping: bool = False

    @property
    def wanted(self) -> bool:
        """Whether the holder should stop reading and let go."""
        return self.waiting > 0 or self.stopping

    def interrupt(self) -> None:
        """Ask the holder, perhaps a connection nobody is behind any more, to stop reading."""
        if self.reading is not None:
            self.reading.cancel()

    def read(self, scope: anyio.CancelScope) -> anyio.CancelScope:
        """Register the scope in which the holder reads the request's body."""
        self.reading = scope
        if self.wanted:
            scope.cancel()
        return scope


class Turns:
    """All turns of this process. Between processes the file itself is locked (`files.Append`)."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}
        self._stopping = False

    @asynccontextmanager
    async def take(self, upload_id: str, patience: float = PATIENCE) -> AsyncIterator[Turn]:
        """Hold the upload. Raises Taken after `patience` seconds, Stopping at the server's end."""
        if self._stopping:
            raise Stopping
        turn = self._turns.setdefault(upload_id, Turn())
        turn.waiting += 1
        try:
            turn.interrupt()
            with anyio.move_on_after(patience) as scope:
                await turn.lock.acquire()
        finally:
            turn.waiting -= 1
            if not turn.waiting and not turn.lock.locked():
                self._turns.pop(upload_id, None)
        if scope.cancelled_caught:
            raise Taken
        try:
            yield turn
        finally:
            turn.reading = None
            turn.lock.release()
            if not turn.waiting and not turn.lock.locked():
                self._turns.pop(upload_id, None)

    def stop(self) -> None:
        """Have every holder let go, and let nobody begin. To be called on the event loop."""
        self._stopping = True
        for turn in self._turns.values():
            turn.stopping = True
            turn.interrupt()
