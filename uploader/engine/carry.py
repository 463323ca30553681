"""Carrying one job through its flow, and the only place where anything is tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from uploader.engine import fingerprint
from uploader.engine.clock import Clock
from uploader.engine.job import ORDER, Job, Status, Step, Trouble
from uploader.engine.ledger import Ledger
from uploader.engine.reconcile import reconcile
from uploader.engine.retry import Backoff, Verdict, verdict
from uploader.engine.turns import SLOTTED
from uploader.engine.work import Work, known
from uploader.errors import FileChanged, FileGrowing, FileMissing, ReelferryError, StartOver, Transient, Unexpected

log = logging.getLogger(__name__)

Flow = Mapping[Step, Callable[[Work], Awaitable[None]]]

FILE_POLL = 2.0
"""Seconds between two looks for a file that is missing or growing."""

LOOK = 30.0
"""Seconds between two looks at the clock during a wait, at most: a computer that sleeps does not count them."""

A_MOMENT = 0.001
"""Seconds that are not worth another wait."""

MOST_RESTARTS = 5
"""Uploads begun anew by themselves, or addresses renewed to no avail, before a person is asked."""


GIVEN_UP = "It happened again and again, so it is no longer tried by itself. Your file and text are kept; retry later."


@dataclass(eq=False, slots=True)
class Run:
    """One stretch of a job's way: until it ends, is stopped, or would wait without needing its slot.

    `live` is false once it was stopped: what its step still says is not heard. `awaits` is what it waits for now.
    `beside` is a small file's place beside the slots: it has what a slot gives without taking one.
    `restarts` counts uploads begun anew, `renewals` addresses renewed since the server last confirmed something.
    """

    job_id: str
    slot: bool = False
    beside: bool = False
    live: bool = True
    awaits: Verdict | None = None
    restarts: int = 0
    renewals: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Carrier:
    """Carries jobs one at a time; knows nothing of their order.

    `work` makes what a step works with, `freed` hears that a slot is free, `heard` hears every error and (with None) of
    every progress, `unwanted` hears of a job whose video on the server is of no use any more.
    """

    def __init__(
        self,
        ledger: Ledger,
        flow: Flow,
        clock: Clock,
        *,
        work: Callable[[Run], Work],
        freed: Callable[[], None],
        heard: Callable[[ReelferryError | None], None],
        unwanted: Callable[[Job], None],
    ) -> None:
        self._ledger = ledger
        self._flow = flow
        self._clock = clock
        self._work = work
        self._freed = freed
        self._heard = heard
        self._unwanted = unwanted

    async def carry(self, run: Run) -> None:
        """Take a job as far as it goes now. It is WAITING, FAILED or FINISHED when this returns."""
        try:
            await self._carry(run)
        except Exception as error:
            log.exception("job %s", run.job_id)
            self._fail(run, Unexpected(repr(error)))

    async def _carry(self, run: Run) -> None:
        backoff = Backoff(self._clock.random)
        while self._goes_on(run):
            before = self._ledger[run.job_id]
            error = await self._attempt(run)
            after = self._ledger[run.job_id]
            if _progressed(before, after):
                backoff.reset()
                run.renewals = 0
                self._heard(None)
            if error is not None and not await self._recover(run, error, backoff):
                return

    def _goes_on(self, run: Run) -> bool:
        """Whether there is something to do now, and the means to do it."""
        job = self._ledger[run.job_id]
        if run.slot and job.step not in SLOTTED:
            self._give_way(run)
        if job.step is Step.DONE:
            return False
        if rests(job) or (job.step in SLOTTED and not run.slot):
            self._put(run, job.waits(None))
            return False
        if job.status is not Status.RUNNING:
            self._put(run, job.to(Status.RUNNING))
        return True

    async def _attempt(self, run: Run) -> ReelferryError | None:
        """Do one step; the error it ended with, if it did."""
        work = self._work(run)
        try:
            if work.job.step is Step.TRANSFER:
                await self._transfer(run, work)
            else:
                await self._flow[work.job.step](work)
        except ReelferryError as error:
            return error
        job = work.job.onward() if work.job.post_id is None else replace(work.job, step=Step.DONE, trouble=None)
        if job.step is Step.DONE:
            job = replace(job, finished_at=self._clock.now()).to(Status.FINISHED)
        self._put(run, job)
        return None

    async def _transfer(self, run: Run, work: Work) -> None:
        """Send the file, and only this file: what changes while it is sent is not continued."""
        await asyncio.to_thread(fingerprint.verify, work.job.path, known(work.job.fingerprint))
        try:
            await self._flow[Step.TRANSFER](work)
            _unchanged(work)
        except FileChanged:  # a piece that left since the last look may be of the new version
            changed = work.job
            self._put(run, changed.anew())
            self._unwanted(changed)
            raise

    async def _recover(self, run: Run, error: ReelferryError, backoff: Backoff) -> bool:
        """Do what the error asks for. Whether the run goes on."""
        self._heard(error)
        log.info("job %s: %s (%s)", run.job_id, error.code, error.detail)
        if isinstance(error, StartOver):
            return await self._start_over(run, error, backoff)
        match verdict(error):
            case Verdict.AGAIN:
                await self._wait(run, error, backoff)
                return True
            case Verdict.FILE:
                await self._watch(run, error)
            case Verdict.PERSON | Verdict.LINE as what:
                await self._wait_for_person(run, error, what)
            case _:
                self._fail(run, error)
        return False

    async def _wait(self, run: Run, error: ReelferryError, backoff: Backoff) -> None:
        delay = backoff.failed(error.retry_after if isinstance(error, Transient) else None)
        until = self._clock.now() + timedelta(seconds=delay)
        self._await(run, Verdict.AGAIN, trouble(error, until))
        await self._sleep_until(run, until, delay)

    async def _watch(self, run: Run, error: ReelferryError) -> None:
        """Look for the file until it is there and complete."""
        self._give_way(run)
        path = self._ledger[run.job_id].path
        while True:
            self._await(run, Verdict.FILE, trouble(error))
            await self._sleep(run, FILE_POLL)
            try:
                await fingerprint.complete(path, wait=self._clock.wait, now=self._clock.now())
            except (FileMissing, FileGrowing) as further:
                error = further
            except ReelferryError as further:
                self._fail(run, further)
                return
            else:
                self._put(run, self._ledger[run.job_id].waits(None))
                return

    async def _wait_for_person(self, run: Run, error: ReelferryError, what: Verdict) -> None:
        self._await(run, what, trouble(error))
        self._give_way(run)
        await self._sleep(run, None)
        self._put(run, self._ledger[run.job_id].waits(None))

    async def _start_over(self, run: Run, error: StartOver, backoff: Backoff) -> bool:
        before = self._ledger[run.job_id]
        try:
            after = await reconcile(before, error, self._work(run).backend)
        except ReelferryError as further:
            return await self._recover(run, further, backoff)
        self._put(run, after)
        if after.ticket is None or after.ticket.video_id != known(before.ticket).video_id:
            self._unwanted(before)
        if after.attempt > before.attempt:
            run.restarts += 1
        elif after.ticket != before.ticket:
            run.renewals += 1
        if max(run.restarts, run.renewals) > MOST_RESTARTS:
            self._fail(run, type(error)(error.detail, hint=GIVEN_UP))
            return False
        await self._wait(run, error, backoff)
        return True

    async def _sleep_until(self, run: Run, until: datetime, seconds: float) -> None:
        """Until the time that was told, or so many seconds from now, whichever of two clocks says so first."""
        end, left = self._clock.monotonic() + seconds, seconds
        while True:
            await self._clock.nap(min(left, LOOK), run.woken)
            left = min(end - self._clock.monotonic(), (until - self._clock.now()).total_seconds())
            if run.woken.is_set() or left < A_MOMENT:
                break
        run.awaits = None

    async def _sleep(self, run: Run, seconds: float | None) -> None:
        await self._clock.nap(seconds, run.woken)
        run.awaits = None

    def _await(self, run: Run, what: Verdict, why: Trouble) -> None:
        run.woken.clear()
        run.awaits = what
        before = self._ledger[run.job_id]
        if before.trouble != why:
            self._put(run, before.waits(why))
        self._ledger.beat()

    def _put(self, run: Run, job: Job) -> None:
        if run.live:
            self._ledger.put(job)

    def _give_way(self, run: Run) -> None:
        if run.slot:
            run.slot = False
            self._freed()

    def _fail(self, run: Run, error: ReelferryError) -> None:
        if run.live:
            self._ledger.put(self._ledger[run.job_id].to(Status.FAILED, trouble=trouble(error)))


def rests(job: Job) -> bool:
    """Whether a job that could go on waits for a person's word instead."""
    told = job.handover is None or job.in_step
    return job.step is Step.POST and not job.sealed and not job.draft.approved and told


def trouble(error: ReelferryError, retry_at: datetime | None = None) -> Trouble:
    """An error in the words of the interface."""
    return Trouble(error.code, error.title, error.hint, retry_at)


def _unchanged(work: Work) -> None:
    """Look a last time. All bytes have arrived: a file that is gone by now does not matter."""
    try:
        work.check()
    except FileChanged:
        raise
    except ReelferryError:
        return


def _progressed(before: Job, after: Job) -> bool:
    """Whether the server has confirmed something new."""
    if after.attempt != before.attempt:
        return False
    return (
        ORDER.index(after.step) > ORDER.index(before.step)
        or after.confirmed > before.confirmed
        or after.processing != before.processing
    )
