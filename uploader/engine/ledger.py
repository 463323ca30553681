"""Every job as it is now: in order, on disk, and told to whoever watches."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from uploader.engine.clock import Clock
from uploader.engine.facts import Changed, Fact, Ordered, Removed
from uploader.engine.job import Job, Status, Step
from uploader.engine.rate import smooth
from uploader.engine.store import Store

OFTEN = 0.1
"""Seconds between two facts about the progress of one job."""

TICK = 0.5
"""Seconds between two looks at the speed, so that it falls when nothing moves."""


class Ledger:
    """The one place where a job's snapshot is replaced. Lives on the engine's loop."""

    def __init__(
        self,
        store: Store,
        jobs: Iterable[Job],
        emit: Callable[[Fact], None],
        clock: Clock,
        on_rate: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._emit = emit
        self._clock = clock
        self._on_rate = on_rate
        self._jobs = {job.id: job for job in jobs}
        self._order = list(self._jobs)
        self._measured: dict[str, tuple[int, float]] = {}
        self._told: dict[str, float] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._beat = asyncio.Event()
        for job in self._jobs.values():
            emit(Changed(job))
        if self._jobs:
            emit(Ordered(tuple(self._order)))

    def __getitem__(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, in order."""
        return tuple(self._jobs[job_id] for job_id in self._order)

    def put(self, job: Job, *, progress: bool = False) -> None:
        """The job is this now; a new one goes to the end. Told at once, unless it is mere progress."""
        if job.id not in self._jobs:
            self._order.append(job.id)
        self._jobs[job.id] = job
        self._measure(job)
        self._store.keep(job)
        self._say(job.id, at_once=not progress)
        self.beat()

    def tell(self, job: Job) -> None:
        """Progress that need not survive a crash: told at most every `OFTEN` seconds."""
        self._jobs[job.id] = job
        self._say(job.id, at_once=False)

    def remove(self, job_id: str) -> None:
        """The job is gone from list and disk."""
        del self._jobs[job_id]
        self._order.remove(job_id)
        self._forget(job_id)
        self._store.remove(job_id)
        self._emit(Removed(job_id))
        self.beat()

    def move(self, job_id: str, to: int) -> None:
        """The job is at place `to` now."""
        self._order.remove(job_id)
        self._order.insert(max(0, to), job_id)
        self._store.order(self._order)
        self._emit(Ordered(tuple(self._order)))

    async def kept(self) -> None:
        """Return once everything put so far is on disk. DiskFull, QueueNotSaved."""
        await self._store.settled()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is looked at again after every `put`, `remove` and `beat`."""
        while not condition():
            await self._beat.wait()

    def beat(self) -> None:
        """Something is different: whoever waits looks again."""
        self._beat.set()
        self._beat = asyncio.Event()

    def close(self) -> None:
        """Tell nothing more."""
        for job_id in list(self._jobs):
            self._forget(job_id)
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _measure(self, job: Job) -> None:
        """Begin or end to look at how fast a job is."""
        moving = job.step is Step.TRANSFER and job.status is Status.RUNNING
        if moving and job.id not in self._measured:
            self._measured[job.id] = job.sent, self._clock.monotonic()
            if self._ticking is None:
                self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)
        elif not moving and self._measured.pop(job.id, None) is not None:
            self._sum()

    def _tick(self) -> None:
        now = self._clock.monotonic()
        for job_id, (sent, at) in self._measured.items():
            job = self._jobs[job_id]
            rate = smooth(job.rate, max(0, job.sent - sent) / max(now - at, TICK / 2))
            self._measured[job_id] = job.sent, now
            self.tell(replace(job, rate=rate if rate >= 1 else 0.0))
        self._sum()
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick) if self._measured else None

    def _sum(self) -> None:
        self._on_rate(sum(self._jobs[job_id].rate for job_id in self._measured))

    def _say(self, job_id: str, *, at_once: bool) -> None:
        loop = asyncio.get_running_loop()
        due = self._told.get(job_id, -OFTEN) + OFTEN - loop.time()
        if at_once or due <= 0:
            self._say_now(job_id)
        elif job_id not in self._later:
            self._later[job_id] = loop.call_later(due, self._say_now, job_id)

    def _say_now(self, job_id: str) -> None:
        if (handle := self._later.pop(job_id, None)) is not None:
            handle.cancel()
        self._told[job_id] = asyncio.get_running_loop().time()
        self._emit(Changed(self._jobs[job_id]))

    def _forget(self, job_id: str) -> None:
        self._measured.pop(job_id, None)
        self._told.pop(job_id, None)
        if (handle := self._later.pop(job_id, None)) is not None:
            handle.cancel()
