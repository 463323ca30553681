"""Time and chance, handed in by argument: tests bring their own."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` counts seconds, `now` is the time of day (UTC), `wait` sleeps seconds, `random` is in [0, 1)."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def nap(self, seconds: float | None, woken: asyncio.Event) -> None:
        """Wait so long (None: for ever), or until `woken` is set."""
        if seconds is None:
            await woken.wait()
            return
        tasks = [asyncio.ensure_future(self.wait(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
