"""Which jobs run now: started in order, as many as there are slots; stopped; woken."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from uploader.engine import fingerprint
from uploader.engine.carry import SLOTTED, Carrier, Flow, Run, rests
from uploader.engine.forget import Forgetter
from uploader.engine.job import Job, Status, Step
from uploader.engine.ledger import Ledger
from uploader.engine.retry import Verdict
from uploader.engine.work import Work, World, known

PROGRESS = frozenset({"sent", "confirmed", "resume"})
"""Facts that come many times a second."""


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
        if self._forgetting is not None:
            self._forgetting.cancel()
            tasks.append(self._forgetting)
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def idle(self) -> bool:
        """Whether nothing moves or is going to move by itself: what is left waits for a person or a file."""
        still = {Verdict.PERSON, Verdict.FILE}
        return not self._due and all(run.awaits in still and not run.woken.is_set() for run in self._runs.values())

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

    def _start_due(self) -> None:
        self._due = False
        if not self._started:
            return
        free = self._slots - sum(run.slot for run in self._runs.values())
        signed_out = any(run.awaits is Verdict.PERSON for run in self._runs.values())
        for job in self._ledger.jobs:
            if job.status is not Status.WAITING or job.id in self._tasks or rests(job):
                continue
            if signed_out and job.step is not Step.TRANSFER:
                continue
            if job.step in SLOTTED:
                if free <= 0:
                    continue
                free -= 1
            self._start(Run(job.id, slot=job.step in SLOTTED))
        self._ledger.beat()

    def _start(self, run: Run) -> None:
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
        )


def _with(job: Job, facts: Mapping[str, object]) -> Job:
    return replace(job, **facts)  # type: ignore[arg-type]  # the names are the fields'; replace refuses others
