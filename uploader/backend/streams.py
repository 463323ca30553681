"""Who watches whose videos in this process, and how they are woken when something has changed.

A bell says nothing but "look again": what is true is read from the database, so nothing can be lost, come twice or
queue up, and a reader who is slow finds the latest state when it is ready for it.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter

from uploader.backend.listener import Listener
from uploader.backend.store.database import Database

A_USERS = 8
"""Streams that one person may have open in one process."""

LOOKERS = 2
"""Streams that look at once: however many there are, requests do not queue behind them for a thread."""


class TooMany(Exception):
    """This person has as many streams open as one may have."""


class Bell:
    """Rings for one stream. Lives on the server's loop."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Have the stream look again."""
        self._rung.set()

    async def heard(self, within: float) -> bool:
        """Whether it rang before `within` seconds were over, or had rung since the last time."""
        try:
            async with asyncio.timeout(within):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


@dataclass(slots=True)
class Streams:
    """All event streams of this process. Seconds: `heartbeat` between signs of life, `patience` with a reader."""

    heartbeat: float = 15.0
    patience: float = 60.0
    stopping: bool = False
    lookers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(LOOKERS))
    _bells: dict[str, set[Bell]] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _listener: Listener | None = None

    @contextmanager
    def opened(self, database: Database, user_id: str) -> Iterator[Bell]:
        """A bell that rings when videos of this user change, here or elsewhere. On the loop. Raises TooMany."""
        self._begin(database)
        bells = self._bells.setdefault(user_id, set())
        if len(bells) >= A_USERS:
            raise TooMany
        bell = Bell()
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(user_id, None)

    def stop(self) -> None:
        """End all streams. On the loop."""
        self.stopping = True
        self._ring(None)

    def close(self) -> None:
        """Stop listening to other processes. Off the loop."""
        if self._listener is not None:
            self._listener.stop()
            self._listener.join(10)

    def _begin(self, database: Database) -> None:
        """With the first stream: listen."""
        if self._loop is not None:
            return
        self._loop = asyncio.get_running_loop()
        database.on_announcement(self._changed)
        if database.dialect == "postgresql":
            self._listener = Listener(database.engine, self._heard)
            self._listener.start()

    def _changed(self, user_ids: Collection[str]) -> None:
        for user_id in user_ids:
            self._heard(user_id)

    def _heard(self, user_id: str | None) -> None:
        """In any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._ring, user_id)

    def _ring(self, user_id: str | None) -> None:
        found = self._bells.values() if user_id is None else [self._bells.get(user_id, set())]
        for bells in found:
            for bell in bells:
                bell.ring()
