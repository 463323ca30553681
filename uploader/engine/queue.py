"""The queue: which job moves, and what a person may tell it to do."""

import asyncio
import contextlib
import enum
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from uploader.engine import drop
from uploader.engine.carry import Flow, rests
from uploader.engine.drop import Refusal
from uploader.engine.facts import Fact
from uploader.engine.forget import Forgetter
from uploader.engine.handover import heard, offers
from uploader.engine.job import ENDED, Draft, Job, Status, Step, Trouble
from uploader.engine.ledger import Ledger
from uploader.engine.post import post
from uploader.engine.prepare import prepare
from uploader.engine.process import process
from uploader.engine.retry import Verdict
from uploader.engine.runs import Runs
from uploader.engine.store import Store
from uploader.engine.transfer import transfer
from uploader.engine.work import World
from uploader.errors import AlreadyQueued, PostRefused, ProcessingFailed, VideoGone
from uploader.wire import OwnPost

FLOW: Flow = {Step.PREPARE: prepare, Step.TRANSFER: transfer, Step.PROCESS: process, Step.POST: post}

UPLOAD_AGAIN = frozenset({ProcessingFailed.code, VideoGone.code})
"""Failures where asking again cannot help: to retry is to upload again."""


class Unset(enum.Enum):
    """Not said, where None says something."""

    UNSET = enum.auto()


UNSET: Final = Unset.UNSET


class Queue:
    """Owns every job. Lives on one event loop; call it only from there.

    An id nobody has is a KeyError; a command that the job's state does not allow is a ValueError and changes nothing.
    Nothing moves before `start`.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        emit: Callable[[Fact], None],
        *,
        slots: int = 1,
        flow: Flow = FLOW,
    ) -> None:
        self._world = world
        self._ledger = Ledger(store, map(_at_rest, store.load()), emit, world.clock, world.on_rate)
        self._forgetter = Forgetter(store, world.backend.delete, world.clock)
        self._runs = Runs(self._ledger, self._forgetter, world, flow, slots)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, in order."""
        return self._ledger.jobs

    def start(self) -> None:
        """Let jobs move."""
        self._runs.start()

    async def close(self) -> None:
        """Stop everything where it is. What was moving goes on after the next start."""
        await self._runs.close()
        self._ledger.close()

    async def add(self, paths: Sequence[Path], draft: Draft = Draft()) -> tuple[list[Job], list[Refusal]]:  # noqa: B008 (frozen)
        """Take files, and the videos in folders. They are on disk when this returns. DiskFull, QueueNotSaved."""
        found, refusals = await asyncio.to_thread(
            drop.take, paths, draft, self._world.limits(), self._world.clock.now()
        )
        queued = {_same(job.path) for job in self.jobs if job.status not in ENDED}
        jobs = []
        for job in found:
            if _same(job.path) in queued:
                refusals.append(Refusal(job.path, AlreadyQueued()))
                continue
            queued.add(_same(job.path))
            self._ledger.put(job)
            jobs.append(job)
        self._runs.schedule()
        await self._ledger.kept()
        return jobs, refusals

    def pause(self, job_id: str) -> None:
        """Stop a job where it is. Nothing that the server has is lost."""
        self._pause(self._ledger[job_id])
        self._runs.schedule()

    def resume(self, job_id: str) -> None:
        """Let a paused job go on."""
        job = self._ledger[job_id]
        if job.status is not Status.PAUSED:
            raise ValueError(f"a {job.status} job cannot be resumed")
        self._ledger.put(job.to(Status.WAITING))
        self._runs.schedule()

    def retry(self, job_id: str) -> None:
        """Try a failed job again, or a waiting one now. What the server could not use is uploaded again."""
        job = self._ledger[job_id]
        if job.status is Status.WAITING:
            self._runs.wake_one(job_id)
            return
        if job.status is not Status.FAILED:
            raise ValueError(f"a {job.status} job cannot be tried again")
        if job.trouble is not None and job.trouble.code in UPLOAD_AGAIN:
            self._ledger.put(job.anew().to(Status.WAITING))
            self._forgetter.forget(job)
        else:
            self._ledger.put(job.to(Status.WAITING))
        self._runs.schedule()

    def restart(self, job_id: str) -> None:
        """Upload the file as it is now from the start. ValueError once its post may be out, or when it has ended."""
        job = self._editable(job_id)
        self._runs.stop(job_id)
        self._ledger.put(job.anew().waits(None))
        self._forgetter.forget(job)
        self._runs.schedule()

    def cancel(self, job_id: str) -> None:
        """Stop for good. What the server has of it is deleted there, unless its post may be out."""
        job = self._ledger[job_id]
        cancelled = job.to(Status.CANCELLED)
        self._runs.stop(job_id)
        self._ledger.put(cancelled)
        if not job.sealed:
            self._forgetter.forget(job)
        self._runs.schedule()

    def remove(self, job_id: str) -> None:
        """Take a job off the list, cancelling it first if it has not ended."""
        if self._ledger[job_id].status not in ENDED:
            self.cancel(job_id)
        job = self._ledger[job_id]
        self._ledger.remove(job_id)
        if job.thumbnail is not None:
            with contextlib.suppress(OSError):
                job.thumbnail.unlink()

    def move(self, job_id: str, to: int) -> None:
        """Put a job at place `to` (0 is the first). Before one that runs, it takes its slot; nothing sent is lost."""
        before = [job.id for job in self.jobs]
        self._ledger.move(job_id, to)
        at, now = before.index(job_id), [job.id for job in self.jobs].index(job_id)
        self._runs.moved(job_id, frozenset(before[now:at] or before[at + 1 : now + 1]), up=now < at)

    def pause_all(self) -> None:
        """Pause everything that moves, or would by itself."""
        for job in self.jobs:
            moving = job.status is Status.RUNNING or (job.status is Status.WAITING and not rests(job))
            if moving and job.handover is None:
                self._pause(job)
        self._runs.schedule()

    def resume_all(self) -> None:
        """Let everything go on that is paused."""
        for job in self.jobs:
            if job.status is Status.PAUSED:
                self._ledger.put(job.to(Status.WAITING))
        self._runs.schedule()

    def retry_now(self) -> None:
        """Try everything that waits for another attempt at once: the network is back, or a person said so."""
        self._runs.wake(Verdict.AGAIN, Verdict.FILE, Verdict.LINE)

    def network_changed(self) -> None:
        """The computer is on another network: what was being sent over the one that is gone begins on a new line."""
        self._runs.network_changed()

    def hold(self, reason: str, why: Trouble | None) -> None:
        """Nothing is sent while there is a reason: what would be waits and says `why`. None takes this reason back."""
        self._runs.hold(reason, why)

    def set_slots(self, slots: int) -> None:
        """So many files at once from now on; what is too much waits again, with everything the server has of it."""
        self._runs.set_slots(slots)

    def signed_in(self) -> None:
        """Somebody has signed in, or unlocked what was locked: whatever waited for that goes on."""
        self._runs.wake(Verdict.PERSON)

    def write(
        self,
        job_id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        community_id: str | Unset | None = UNSET,
        publish_at: datetime | Unset | None = UNSET,
        min_height: int | Unset | None = UNSET,
    ) -> None:
        """Edit what is given. ValueError once the post may have reached the server, or the job has ended."""
        job = self._editable(job_id)
        draft = job.draft
        if text is not None:
            draft = replace(draft, text=drop.clean(text))
        if community_id is not UNSET:
            draft = replace(draft, community_id=community_id)
        if publish_at is not UNSET:
            draft = replace(draft, publish_at=publish_at)
        if min_height is not UNSET:
            draft = replace(draft, min_height=min_height)
        title = drop.clean(title or "").strip() or job.title
        self._redraft(replace(job, title=title), draft)

    def approve(self, job_id: str, approved: bool) -> None:
        """Post when ready, or take that back. ValueError once the post may be out, or after the end."""
        job = self._editable(job_id)
        self._redraft(job, replace(job.draft, approved=approved))
        self._runs.schedule()

    def heard(self, post_id: str, said: OwnPost | None) -> None:
        """The server said this of a post, not asked by its job, if there is one; None: it will not publish it."""
        for job in self.jobs:
            if job.pending_post_id != post_id or job.status in ENDED:
                continue
            self._runs.stop(job.id)
            after = heard(job, said)
            self._ledger.put(after if job.status is Status.PAUSED else after.waits(None))
            self._runs.schedule()

    async def idle(self) -> None:
        """Wait until nothing moves or is going to move by itself: what is left waits for a person or a file."""
        await self._ledger.until(lambda: self._runs.idle)

    async def ended(self, job_ids: Iterable[str]) -> None:
        """Wait until these jobs are finished, failed, cancelled or removed."""
        wanted = set(job_ids)
        over = ENDED | {Status.FAILED}
        await self._ledger.until(
            lambda: all(job_id not in self._ledger or self._ledger[job_id].status in over for job_id in wanted)
        )

    def _redraft(self, job: Job, draft: Draft) -> None:
        """The draft is this now. A server that has it, or may take it, hears of that at once."""
        before, job = job, replace(job, draft=draft)
        self._ledger.put(job)
        if draft == before.draft or job.step not in {Step.PROCESS, Step.POST} or not self._concerns_server(before, job):
            return
        if job.trouble is not None and job.status is Status.WAITING:
            self._runs.wake_one(job.id)
        elif job.status is Status.RUNNING or _was_refused(job):
            self._runs.stop(job.id)
            self._ledger.put(job.waits(None))
        self._runs.schedule()

    def _concerns_server(self, before: Job, job: Job) -> bool:
        """Whether what runs has to hear of a change of the draft: the server has it, or would get it, or it is time."""
        if job.handover is not None:
            return True
        approval = before.draft.approved or job.draft.approved
        return approval and (job.step is Step.POST or offers(self._world.limits()))

    def _pause(self, job: Job) -> None:
        if job.handover is not None:
            raise ValueError("the server has its post, and goes on by itself")
        paused = job.to(Status.PAUSED)
        self._runs.stop(job.id)
        self._ledger.put(paused)

    def _editable(self, job_id: str) -> Job:
        job = self._ledger[job_id]
        if job.sealed or job.status in ENDED:
            raise ValueError("its post may be out" if job.sealed else f"it is {job.status}")
        return job


def _was_refused(job: Job) -> bool:
    """Whether it stopped because the server did not accept a change, and holds the post as it was."""
    stopped = job.status is Status.FAILED and job.trouble is not None
    return stopped and job.handover is not None and job.trouble is not None and job.trouble.code == PostRefused.code


def _at_rest(job: Job) -> Job:
    """A job as it is after a start: what moved when the last run ended waits for its turn."""
    if job.status in {Status.RUNNING, Status.WAITING}:
        return replace(job, status=Status.WAITING, trouble=None, sent=job.confirmed, rate=0.0)
    return job


def _same(path: Path) -> str:
    """Equal for two spellings of one path."""
    return os.path.normcase(path)
