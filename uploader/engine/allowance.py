"""The allowance: how much of the line uploads may take now, by a person's limit, their schedule, or an hour without."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from uploader.engine.clock import Clock
from uploader.engine.facts import Limited
from uploader.engine.job import Trouble
from uploader.engine.limit import Limiter
from uploader.engine.queue import Queue
from uploader.uplink import HOUR, PAUSE, Uplink

log = logging.getLogger(__name__)

PAUSED_BY_SCHEDULE = "paused_by_schedule"
LOOK = 30.0
"""Seconds between two looks at the clock at most: it may be set, and a computer that sleeps does not count."""


class Allowance:
    """Applies the choice to limiter and queue, and notices when something else begins to hold.

    `emit` hears of every change, first of what holds now. `keep` puts a choice on disk; it may block. Lives on the
    engine's loop; nothing holds before `run`, except the limit itself.
    """

    def __init__(
        self,
        chosen: Uplink,
        limiter: Limiter,
        queue: Queue,
        *,
        emit: Callable[[Limited], None],
        keep: Callable[[Uplink], object],
        clock: Clock,
    ) -> None:
        self._limiter, self._queue, self._emit, self._keep, self._clock = limiter, queue, emit, keep, clock
        self._woken = asyncio.Event()
        self._keeping = asyncio.Lock()
        self._chosen = chosen
        self._hour_ends = self._end_of_hour()
        self._fact = Limited(chosen, chosen.allowed(clock.now()))
        limiter.set(self._fact.now.limit or None)
        emit(self._fact)

    @property
    def fact(self) -> Limited:
        """What holds now."""
        return self._fact

    async def choose(self, **changes: Any) -> None:  # noqa: ANN401  (fields of Uplink, each of its own type)
        """Change the choice. It holds at once, also for what is being sent, and is on disk when this returns."""
        before, self._chosen = self._chosen, replace(self._chosen, **changes)
        if self._chosen.slots != before.slots:
            self._queue.set_slots(self._chosen.slots)
        if self._chosen.full_speed_until != before.full_speed_until:
            self._hour_ends = self._end_of_hour()
        self._apply()
        self._woken.set()
        async with self._keeping:
            try:
                await asyncio.to_thread(self._keep, self._chosen)
            except OSError as error:
                log.warning("The upload limit holds, but could not be kept for the next start: %s", error)

    async def full_speed(self, on: bool) -> None:
        """An hour without limit or pause, or an end to it."""
        await self.choose(full_speed_until=self._clock.now() + HOUR if on else None)

    async def run(self) -> None:
        """Apply what the clock says, for as long as the engine runs."""
        while True:
            self._woken.clear()
            if self._hour_is_over():
                await self.full_speed(False)
            self._apply()
            await self._clock.nap(self._next_look(), self._woken)

    def _apply(self) -> None:
        now = self._clock.now()
        allowed = self._chosen.allowed(now)
        self._limiter.set(allowed.limit or None)
        held = _pause(allowed.until, now) if allowed.limit == PAUSE else None
        self._queue.hold("schedule", held)
        fact = Limited(self._chosen, allowed, held)
        if fact != self._fact:
            self._fact = fact
            self._emit(fact)

    def _end_of_hour(self) -> float | None:
        """When the hour is over on a clock that nobody sets, too."""
        until = self._chosen.full_speed_until
        return None if until is None else self._clock.monotonic() + (until - self._clock.now()).total_seconds()

    def _hour_is_over(self) -> bool:
        """By either clock, or because the one on the wall was put back by so much that it says nonsense."""
        until = self._chosen.full_speed_until
        if until is None or self._hour_ends is None:
            return False
        left = until - self._clock.now()
        return not timedelta(0) < left <= HOUR or self._clock.monotonic() >= self._hour_ends

    def _next_look(self) -> float | None:
        until = self._fact.now.until
        if until is None:
            return None if self._chosen.full_speed_until is None else LOOK
        return min(LOOK, max(0.01, (until - self._clock.now()).total_seconds()))


def _pause(until: datetime | None, now: datetime) -> Trouble:
    when = "" if until is None else f" until {_said(until, now)}"
    return Trouble(
        PAUSED_BY_SCHEDULE,
        f"Uploads pause{when}, as your schedule says",
        "Nothing is lost. “Full speed for an hour” goes on at once.",
    )


def _said(moment: datetime, now: datetime) -> str:
    local, today = moment.astimezone(), now.astimezone()
    if local - today < timedelta(hours=20) or local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%A %H:%M}"
