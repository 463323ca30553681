"""Keeps the computer from going to sleep by itself while there is something to do, and a minute longer."""

import asyncio
from datetime import datetime
from typing import Protocol

from uploader.engine.clock import Clock
from uploader.engine.facts import Changed, Fact, Removed
from uploader.engine.job import Job, Status, Step

LINGER = 60.0
"""Seconds between the last thing to do and the leave to sleep: the next file or try may be about to come."""

SOON = 60.0
"""Seconds until the next try, at most, for which it is worth to stay awake. A network that is gone for long is not."""


class Inhibitor(Protocol):
    """How this system is asked not to sleep. Neither raises: where nobody listens, the computer sleeps when it will.

    Only sleep out of idleness is held off: a closed lid, a low battery and a person's word are none of our business.
    When the process ends, however it ends, the system takes it back by itself.
    """

    async def inhibit(self) -> None:
        """Hold it off from now on."""
        ...

    async def release(self) -> None:
        """Let it sleep."""
        ...


class NoInhibitor:
    """For engines that only look, and for tests."""

    async def inhibit(self) -> None:
        """Nothing."""

    async def release(self) -> None:
        """Nothing."""


class Wakefulness:
    """Hears every fact about jobs (`take`) and asks `inhibitor` accordingly, while it `run`s."""

    def __init__(self, inhibitor: Inhibitor, clock: Clock, *, server_is_here: bool = False) -> None:
        self._inhibitor, self._clock, self._server_is_here = inhibitor, clock, server_is_here
        self._pending: set[str] = set()
        self._busy, self._at_rest = asyncio.Event(), asyncio.Event()

    def take(self, fact: Fact) -> None:
        """What the engine says."""
        match fact:
            case Changed(job) if is_pending(job, self._clock.now(), server_is_here=self._server_is_here):
                self._pending.add(job.id)
            case Changed(job):
                self._pending.discard(job.id)
            case Removed(job_id):
                self._pending.discard(job_id)
            case _:
                return
        now, before = (self._busy, self._at_rest) if self._pending else (self._at_rest, self._busy)
        now.set()
        before.clear()

    async def run(self) -> None:
        """Do so until cancelled; then the computer may sleep."""
        try:
            while True:
                await self._busy.wait()
                await self._inhibitor.inhibit()
                await self._over()
                await self._inhibitor.release()
        finally:
            await self._inhibitor.release()

    async def _over(self) -> None:
        """Return once nothing has been pending for a while."""
        while True:
            await self._at_rest.wait()
            await self._clock.nap(LINGER, self._busy)
            if not self._busy.is_set():
                return


def is_pending(job: Job, now: datetime, *, server_is_here: bool = False) -> bool:
    """Whether this computer has something to do for a job, or will have in a moment.

    That is: it is looked at, sent, or published, or waits for a next try that is due `SOON`. Processing
    counts if this computer does it, or if a post is to follow from here. What is paused, held, or waits for a person or
    a file does not count.
    """
    if job.status is Status.RUNNING:
        return job.step is not Step.PROCESS or server_is_here or (job.draft.approved and not job.sealed)
    if job.status is Status.WAITING and job.trouble is not None and job.trouble.retry_at is not None:
        return (job.trouble.retry_at - now).total_seconds() <= SOON
    return False
