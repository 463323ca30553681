"""What a command line or another process may ask of the engine, and the answers: JSON objects with stable fields."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from uploader import errors
from uploader.engine.carry import rests
from uploader.engine.drop import Refusal
from uploader.engine.engine import Engine
from uploader.engine.facts import Limited
from uploader.engine.instance import Answer, Message, error_message
from uploader.engine.job import Draft, Job, Status, Step, Trouble
from uploader.engine.named import Named
from uploader.engine.post_commands import PostCommands
from uploader.uplink import Week

LOOK_EVERY = 0.2
OVER = frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED})
NEEDS_A_PERSON = frozenset(
    kind.code for kind in (errors.SignInNeeded, errors.SignInFailed, errors.KeyringLocked, errors.KeyringAbsent)
)


class Commands:
    """Answers commands; an `Answer` of `uploader.engine.instance`. Lives on the engine's loop.

        {"do": "add", "paths": […], "text", "community", "title", "approved", "publishAt", "minHeight"}
                                                                                refusals, then the jobs
        {"do": "list"}                                                          every job
        {"do": "wait", "ids": […]}      each job whenever it changes, until all are over; no ids: all that are not over
        {"do": "pause" | "resume" | "retry" | "restart" | "cancel", "ids": […]} the jobs
        {"do": "move", "ids": [one], "to": 0 is the first}                      every job, in the new order
        {"do": "post", "ids": […], "text", "community", "title", "publishAt", "minHeight"}
                                                                                the jobs, to be posted when ready
        {"do": "limit", "change": {"limit", "slots", "scheduled", "schedule"}, "hour": bool}   what holds then
        {"do": "posts" | "cancel_posts" | "edit_post", …}       posts that the server holds: see `PostCommands`
        {"do": "show"}                  raises the window · {"do": "sign_out"} · {"do": "sign_out_everywhere"}

    "anyway": true with "add" or "wait" uploads on this network although it is metered or seems to want a sign-in. An
    id may be shortened to a beginning that only one job has. `show` is None where there is no window.
    """

    def __init__(self, engine: Engine, *, show: Callable[[], object] | None = None) -> None:
        self._engine = engine
        self._queue = engine.queue
        self._named = Named(engine.account)
        self._show = show
        self._acts: Mapping[str, Answer] = {
            **PostCommands(engine, self._named).acts,
            "add": self._add,
            "list": self._list,
            "wait": self._wait,
            **dict.fromkeys(("pause", "resume", "retry", "restart", "cancel", "post"), self._change),
            "move": self._move,
            "limit": self._limit,
            "show": self._raise_window,
            "sign_out": self._sign_out,
            "sign_out_everywhere": self._sign_out_everywhere,
        }

    async def answer(self, command: Message) -> AsyncGenerator[Message, None]:
        """The replies to one command. Raises from `uploader.errors`."""
        act = self._acts.get(command.get("do", ""))
        if act is None:
            raise errors.Unexpected(f"asked to do {command.get('do')!r}")
        if command.get("anyway"):
            self._engine.permission.upload_anyway()
        async with aclosing(act(command)) as replies:
            async for reply in replies:
                yield reply

    async def _add(self, command: Message) -> AsyncGenerator[Message, None]:
        draft = Draft(
            text=command.get("text") or "",
            community_id=await self._named.community(command.get("community")),
            approved=bool(command.get("approved")),
            publish_at=_moment(command.get("publishAt")),
            min_height=await self._named.height(command.get("minHeight")),
        )
        jobs, refusals = await self._queue.add([Path(path) for path in command["paths"]], draft)
        if title := command.get("title"):
            for job in jobs:
                self._queue.write(job.id, title=title)
        for refusal in refusals:
            yield refused_message(refusal)
        for job in self._jobs([job.id for job in jobs]):
            yield job_message(job)

    async def _list(self, _command: Message) -> AsyncGenerator[Message, None]:
        for job in self._queue.jobs:
            yield job_message(job)

    async def _wait(self, command: Message) -> AsyncGenerator[Message, None]:
        """Level-triggered: says what is, not what happened, so a slow listener misses nothing that still matters."""
        seen: dict[str, Job] = {}
        ids = self._ids(command) or [job.id for job in self._queue.jobs if not is_over(job)]
        while True:
            jobs = self._jobs(ids)
            for job in jobs:
                if seen.get(job.id) != job:
                    seen[job.id] = job
                    yield job_message(job)
            troubles = [job.trouble for job in jobs if job.trouble and not is_over(job)]
            for trouble in troubles:
                if trouble.code == errors.ProxyRefused.code:
                    raise errors.ProxyRefused(title=trouble.title, hint=trouble.hint)
                if trouble.code in NEEDS_A_PERSON:
                    raise errors.SignInNeeded(trouble.code, title=trouble.title, hint=trouble.hint)
            if all(is_over(job) for job in jobs):
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _change(self, command: Message) -> AsyncGenerator[Message, None]:
        ids = self._ids(command)
        for job_id in ids:
            with _words():
                if command["do"] == "post":
                    await self._write(job_id, command)
                else:
                    getattr(self._queue, command["do"])(job_id)
        for job in self._jobs(ids):
            yield job_message(job)

    async def _move(self, command: Message) -> AsyncGenerator[Message, None]:
        (job_id,) = self._ids(command)
        self._queue.move(job_id, command["to"])
        for job in self._queue.jobs:
            yield job_message(job)

    async def _raise_window(self, _command: Message) -> AsyncGenerator[Message, None]:
        if self._show is None:
            raise errors.QueueInUse("no window", title="Reelferry is running in a terminal")
        self._show()
        yield {"type": "shown"}

    async def _limit(self, command: Message) -> AsyncGenerator[Message, None]:
        """`schedule` is as it stands in the settings; both `change` and `hour` may be missing."""
        change: dict[str, Any] = dict(command.get("change") or {})
        if "schedule" in change:
            change["schedule"] = Week.parse(change["schedule"])
        allowance = self._engine.allowance
        if change:
            await allowance.choose(**change)
        if command.get("hour") is not None:
            await allowance.full_speed(bool(command["hour"]))
        yield limit_message(allowance.fact)

    async def _sign_out(self, _command: Message) -> AsyncGenerator[Message, None]:
        await self._engine.account.sign_out()
        yield {"type": "signed_out"}

    async def _sign_out_everywhere(self, _command: Message) -> AsyncGenerator[Message, None]:
        await self._engine.account.sign_out_everywhere()
        yield {"type": "signed_out"}

    async def _write(self, job_id: str, command: Message) -> None:
        given: dict[str, Any] = {name: command[name] for name in ("title", "text") if command.get(name)}
        if community := await self._named.community(command.get("community")):
            given["community_id"] = community
        if "publishAt" in command:
            given["publish_at"] = _moment(command["publishAt"])
        if "minHeight" in command:
            given["min_height"] = await self._named.height(command["minHeight"])
        self._queue.write(job_id, **given)
        self._queue.approve(job_id, True)

    def _jobs(self, ids: Sequence[str]) -> list[Job]:
        found = {job.id: job for job in self._queue.jobs}
        return [found[job_id] for job_id in ids if job_id in found]

    def _ids(self, command: Message) -> list[str]:
        return [self._id(beginning) for beginning in command.get("ids", ())]

    def _id(self, beginning: str) -> str:
        ids: list[str] = [job.id for job in self._queue.jobs if job.id.startswith(beginning)]
        if beginning in ids:
            return beginning
        if len(ids) > 1:
            raise errors.UnknownJob(title=f"{len(ids)} uploads begin with {beginning}", hint="Give more of the id.")
        if not ids:
            raise errors.UnknownJob(title=f"There is no upload {beginning}")
        return ids[0]


def is_over(job: Job) -> bool:
    """Whether nothing more happens to it here unless a person says so: the server waits for a set time alone."""
    planned = job.entrusted and job.step is Step.POST and job.draft.publish_at is not None
    return job.status in OVER or planned or (job.status is Status.WAITING and rests(job))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def job_message(job: Job) -> dict[str, Any]:
    """A job as a JSON object. Never holds an upload address or a fingerprint."""
    processing = job.processing
    return {
        "type": "job",
        "id": job.id,
        "file": str(job.path),
        "title": job.title,
        "size": job.size,
        "step": job.step.value,
        "status": job.status.value,
        "confirmed": job.confirmed,
        "rate": round(job.rate),
        "duration": job.duration,
        "stage": processing.stage if processing else None,
        "percent": processing.percent if processing else None,
        "text": job.draft.text,
        "community": job.draft.community_id,
        "approved": job.draft.approved,
        "publishAt": job.draft.publish_at.isoformat() if job.draft.publish_at else None,
        "minHeight": job.draft.min_height,
        "awaitedHeight": job.awaited_height,
        "entrusted": job.entrusted,
        "watchUrl": job.watch_url,
        "postId": job.post_id,
        "addedAt": job.added_at.isoformat(),
        "finishedAt": job.finished_at.isoformat() if job.finished_at else None,
        "trouble": _trouble_message(job.trouble) if job.trouble else None,
    }


def limit_message(fact: Limited) -> dict[str, Any]:
    """How much of the line uploads may take, as a JSON object: bytes a second, null for no limit, 0 for a pause."""
    chosen, now = fact.chosen, fact.now
    return {
        "type": "limit",
        "now": now.limit,
        "by": now.by.value,
        "until": now.until.isoformat() if now.until else None,
        "limit": chosen.limit,
        "slots": chosen.slots,
        "scheduled": chosen.scheduled,
        "schedule": chosen.schedule.lines(),
    }


def _trouble_message(trouble: Trouble) -> dict[str, str | None]:
    """`retryAt` is when it tries again by itself, if it does."""
    return {
        "code": trouble.code,
        "error": trouble.title,
        "hint": trouble.hint,
        "retryAt": trouble.retry_at.isoformat() if trouble.retry_at else None,
    }


def refused_message(refusal: Refusal) -> dict[str, str]:
    """A path that was not taken, as a JSON object."""
    return {**error_message(refusal.error), "type": "refused", "file": str(refusal.path)}


@contextmanager
def _words() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise errors.NotNow(str(error)) from error
    except KeyError as error:
        raise errors.UnknownJob(str(error)) from error
