"""The upload limit: one bucket that everything sent goes through, filled so many bytes a second."""

import asyncio

from uploader.engine import rate as pace
from uploader.engine.clock import Clock

MOST = 64 * 1024
LEAST = 1024
A_SECOND = 20  # pieces, at least, where the limit is so low that `MOST` would be felt
CREDIT = 0.5  # seconds' worth of bytes that may be made up for: what an answer or a busy computer took
AHEAD = 0.005  # seconds; naps shorter than this are not worth taking


class Limiter:
    """Shared by all transfers; they take turns, a piece each. Lives on the engine's loop. Without a rate it is idle."""

    def __init__(self, clock: Clock = Clock()) -> None:  # noqa: B008  (frozen)
        self._clock = clock
        self._rate: int | None = None
        self._due = 0.0  # when, at this rate, everything that was let through has left
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def rate(self) -> int | None:
        """Bytes a second, all transfers together; None is no limit."""
        return self._rate

    def set(self, rate: int | None) -> None:
        """From the next piece on; what waits for its turn now is looked at again at once."""
        if rate != self._rate:
            self._rate = rate
            self._due = self._clock.monotonic()
            self._changed.set()

    async def granted(self, wanted: int) -> int:
        """How many of so many bytes may leave now, once some may."""
        if self._rate is None:
            return wanted
        async with self._turn:
            return await self._due_for(wanted)

    async def _due_for(self, wanted: int) -> int:
        while (rate := self._rate) is not None:
            now = self._clock.monotonic()
            self._due = max(self._due, now - CREDIT)
            if self._due - now <= AHEAD:
                size = min(MOST, max(LEAST, rate // A_SECOND), wanted)
                self._due += size / rate
                return size
            self._changed.clear()
            await self._clock.nap(self._due - now, self._changed)
        return wanted

    def chunk(self, wanted: int) -> int:
        """A chunk's size in bytes: no more than leaves at the limit in the time a chunk should take."""
        return wanted if self._rate is None else min(wanted, max(pace.LEAST, int(self._rate * pace.AIM)))
