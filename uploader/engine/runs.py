"""Which jobs run now: started in order, as many as there are slots; stopped; woken."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from uploader.engine import fingerprint
from uploader.engine.carry import Carrier, Flow, Run, rests
from uploader.engine.forget import Forgetter
from uploader.engine.job import Job, Status, Step, Trouble
from uploader.engine.ledger import Ledger
from uploader.engine.retry import Verdict
from uploader.engine.turns import SLOTTED, gives_way, overtakes
from uploader.engine.work import Work, World, known

PROGRESS = frozenset({"sent", "confirmed", "resume"})
"""Facts that come many times a second."""

GRACE = 5.0
"""Seconds after a change of network in which a byte has to leave, or the connection went with the old network."""


class Runs:
    """Starts and stops the carrying of jobs. Nothing runs before `start`."""

    def __init__(self, ledger: Ledger, forgetter: Forgetter, world: World, flow: Flow, slots: int) -> None:
        self._ledger = ledger
        self._forgetter = forgetter
        self._world = world
        self._slots = slots
        self._carrier = Carrier(
            ledger,
            flow,
            world.clock,
            work=self._work,
            freed=self.schedule,
            heard=world.heard,
            unwanted=forgetter.forget,
        )
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._forgetting: asyncio.Task[None] | None = None
        self._reconnecting: set[asyncio.Task[None]] = set()
        self._holds: dict[str, Trouble] = {}
        self._held_back = False
        self._started = False
        self._due = False

    def start(self) -> None:
        """Let jobs move."""
        self._started = True
        self._forgetting = asyncio.create_task(self._forgetter.run(), name="forget")
        self.schedule()

    async def close(self) -> None:
        """Stop everything where it is."""
        self._started = False
        for job_id in list(self._runs):
            self.stop(job_id)
        tasks = list(self._tasks.values())
        for task in (self._forgetting, *self._reconnecting):
            if task is not None:
                task.cancel()
                tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def idle(self) -> bool:
        """Whether nothing moves or is going to move by itself: what is left waits for a person or a file."""
        still = {Verdict.PERSON, Verdict.LINE, Verdict.FILE}
        ending = self._tasks.keys() - self._runs.keys()
        return not (self._due or self._held_back or ending) and all(
            run.awaits in still and not run.woken.is_set() for run in self._runs.values()
        )

    def schedule(self) -> None:
        """Start what may start, in order, once the loop turns: a thousand commands at once cost one look."""
        if self._started and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._start_due)

    def stop(self, job_id: str) -> None:
        """Nothing of the job's run is heard from now on. It can be started again once its task has ended."""
        if (run := self._runs.pop(job_id, None)) is not None:
            run.live = False
            self._tasks[job_id].cancel()

    def wake(self, *waiting_for: Verdict) -> None:
        """Whatever waits for one of these goes on at once."""
        for run in self._runs.values():
            if run.awaits in waiting_for:
                run.woken.set()
        self._forgetter.wake()

    def wake_one(self, job_id: str) -> None:
        """Whatever this job waits for, it tries now."""
        if (run := self._runs.get(job_id)) is not None:
            run.woken.set()

    def network_changed(self) -> None:
        """What does not move on its old connection begins on a new one, long before its patience is at an end."""
        if self._started:
            task = asyncio.create_task(self._reconnect(), name="reconnect")
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)

    async def _reconnect(self) -> None:
        before = [(run, self._ledger[run.job_id]) for run in self._runs.values() if run.slot]
        await self._world.clock.wait(GRACE)
        for run, then in before:
            if self._runs.get(run.job_id) is run and _stands_still(then, self._ledger[run.job_id]):
                self._displace(run.job_id)
        self.schedule()

    def hold(self, reason: str, why: Trouble | None) -> None:
        """No file moves while there is a reason, and what would says `why`; None takes this reason back.

        What has been sent is kept. Reasons are independent of each other; the oldest is the one that is told.
        """
        if why is None:
            self._holds.pop(reason, None)
        else:
            self._holds[reason] = why
            for run in [run for run in self._runs.values() if run.slot]:
                self._displace(run.job_id)
        self.schedule()

    def set_slots(self, slots: int) -> None:
        """So many files at once from now on. What is too much waits again, the last in the list first."""
        self._slots = slots
        for job in reversed(self._holders()):
            if self._free >= 0:
                break
            if gives_way(job):
                self._displace(job.id)
        self.schedule()

    def moved(self, job_id: str, passed: Collection[str], *, up: bool) -> None:
        """A job has passed these in the list: where one of the two runs and the other one may, the upper one runs."""
        takers, givers = ({job_id}, passed) if up else (passed, {job_id})
        wanted = any(
            job.id in takers and self._may_start(job, signed_out=self._signed_out) for job in self._ledger.jobs
        )
        giving = [job for job in self._holders() if job.id in givers and gives_way(job)]
        if wanted and giving and self._free <= 0:
            self._displace(giving[-1].id)
        self.schedule()

    @property
    def _free(self) -> int:
        """Slots nobody has; less than none after their number was lowered."""
        return self._slots - len(self._holders())

    def _holders(self) -> list[Job]:
        """The jobs that have a slot, in order."""
        having = {run.job_id for run in self._runs.values() if run.slot and not run.beside}
        return [job for job in self._ledger.jobs if job.id in having] if having else []

    def _displace(self, job_id: str) -> None:
        """A job that runs waits for its turn again, with everything the server has of it."""
        self.stop(job_id)
        self._ledger.put(self._ledger[job_id].waits(None))

    def _may_start(self, job: Job, *, signed_out: bool) -> bool:
        if job.status is not Status.WAITING or job.id in self._runs or rests(job):
            return False
        return job.step is Step.TRANSFER or not signed_out

    @property
    def _signed_out(self) -> bool:
        return any(run.awaits is Verdict.PERSON for run in self._runs.values())

    def _start_due(self) -> None:
        self._due = self._held_back = False
        if not self._started:
            return
        if any(run.awaits is Verdict.LINE for run in self._runs.values()):  # the next one would be turned away too
            self._ledger.beat()
            return
        why = next(iter(self._holds.values()), None)
        running = self._holders()
        beside = any(run.beside and run.slot for run in self._runs.values())
        signed_out = self._signed_out
        for job in self._ledger.jobs:
            if not self._may_start(job, signed_out=signed_out):
                continue
            if job.step not in SLOTTED:
                self._start(Run(job.id))
                continue
            if len(running) < self._slots:
                running.append(job)
                run = Run(job.id, slot=True)
            elif not beside and overtakes(job, running):
                beside = True
                run = Run(job.id, slot=True, beside=True)
            else:
                self._wait(job, None)
                continue
            if why is None:
                self._start(run)
            else:
                self._wait(job, why)
                self._held_back = True
        self._ledger.beat()

    def _wait(self, job: Job, why: Trouble | None) -> None:
        if job.trouble != why:
            self._ledger.put(job.waits(why))

    def _start(self, run: Run) -> None:
        if run.job_id in self._tasks:  # stopped a moment ago: it starts when that is over, and nobody in its place
            return
        task = asyncio.create_task(self._carrier.carry(run), name=f"job {run.job_id}")
        self._runs[run.job_id], self._tasks[run.job_id] = run, task
        task.add_done_callback(lambda _: self._stopped(run))

    def _stopped(self, run: Run) -> None:
        del self._tasks[run.job_id]
        if run.live:
            del self._runs[run.job_id]
        self._ledger.beat()
        self.schedule()

    def _work(self, run: Run) -> Work:
        def learn(**facts: object) -> None:
            if run.live:
                self._ledger.put(_with(self._ledger[run.job_id], facts), progress=facts.keys() <= PROGRESS)

        def tell(**facts: object) -> None:
            if run.live:
                self._ledger.tell(_with(self._ledger[run.job_id], facts))

        def check() -> None:
            job = self._ledger[run.job_id]
            fingerprint.check(job.path, known(job.fingerprint))

        return Work(
            read=lambda: self._ledger[run.job_id],
            learn=learn,
            tell=tell,
            kept=self._ledger.kept,
            check=check,
            limits=self._world.limits,
            backend=self._world.backend,
            http=self._world.http,
            media=self._world.media,
            thumbnails=self._world.thumbnails,
            clock=self._world.clock,
            pace=self._world.pace,
            limiter=self._world.limiter,
            news=self._world.news,
        )


def _stands_still(before: Job, job: Job) -> bool:
    """Whether no byte has left meanwhile, of a file that does not have to begin again."""
    sending = before.step is job.step is Step.TRANSFER and before.status is job.status is Status.RUNNING
    return sending and (before.sent, before.confirmed) == (job.sent, job.confirmed) and gives_way(job)


def _with(job: Job, facts: Mapping[str, object]) -> Job:
    return replace(job, **facts)  # type: ignore[arg-type]  # the names are the fields'; replace refuses others
