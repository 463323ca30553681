"""A clock that stands still until a test moves it: nothing here ever sleeps."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from uploader.engine.clock import Clock


class StillTime:
    """Hands out `clock`. `waits` are the seconds that were asked for; with `flows`, each wait is over at once."""

    def __init__(self, *, flows: bool = True, chance: float = 1.0) -> None:
        self.flows = flows
        self.chance = chance
        self.waits: list[float] = []
        self._passed = 0.0
        self._slept = 0.0
        self._began = datetime.now(UTC) + timedelta(minutes=1)  # files made by a test count as old
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._number = itertools.count()
        self.clock = Clock(lambda: self._passed, lambda: self.now, self._wait, lambda: self.chance)

    @property
    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._passed + self._slept)

    @property
    def sleeping(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        self._passed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._passed:
            heapq.heappop(self._sleepers)[2].set()

    def sleep(self, seconds: float) -> None:
        """The computer sleeps, or somebody sets its clock: only the time of day moves."""
        self._slept += seconds

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.flows:
            self._passed += seconds
            await asyncio.sleep(0)
            return
        entry = (self._passed + seconds, next(self._number), asyncio.Event())
        heapq.heappush(self._sleepers, entry)
        try:
            await entry[2].wait()
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)
                heapq.heapify(self._sleepers)
