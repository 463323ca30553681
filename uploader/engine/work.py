"""What a step of the flow is given to work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from uploader.engine.job import Job
from uploader.wire import Post, PostRequest, Ticket, UploadRequest, VideoStatus

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Backend(Protocol):
    """What the flow asks of our server. Every method raises from `uploader.errors`, nothing else."""

    async def ticket(self, request: UploadRequest, *, key: str) -> Ticket:
        """Leave to upload. The same `key` (Idempotency-Key) and request give the same ticket."""
        ...

    async def status(self, video_id: str) -> VideoStatus:
        """What became of a video. VideoGone if the server does not have it."""
        ...

    async def post(self, request: PostRequest, *, key: str) -> Post:
        """Publish. PostRefused only when the server has said no and published nothing."""
        ...

    async def delete(self, video_id: str) -> None:
        """Cancel an upload or delete a video. A video that is not there is deleted already."""
        ...


class Change(Protocol):
    """Fields of the job, by name, that are no longer what they were."""

    def __call__(self, **facts: object) -> None:
        """Apply them to the job's snapshot. Ignored once this run of the step has been stopped."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One job at one step.

    `learn` keeps facts and tells everyone: for what must survive a crash (a checkpoint, a ticket). `tell` only tells:
    for what leaves for the socket (`sent`); the rate is derived from it. `kept` returns once everything learnt so far
    is on disk. `check` looks at the file before a piece of it is sent: FileMissing, FileChanged, FileUnreadable. `wait`
    sleeps seconds, `clock` counts them and `now` is the time of day (UTC); tests hand in their own.
    """

    read: Callable[[], Job]
    learn: Change
    tell: Change
    kept: Callable[[], Awaitable[None]]
    check: Callable[[], None]
    backend: Backend
    http: "httpx.AsyncClient"
    thumbnails: Path
    wait: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    now: Callable[[], datetime]

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self.read()


def known(fact: T | None) -> T:
    """A fact that an earlier step has established."""
    if fact is None:
        raise LookupError("an earlier step did not leave what this one needs")
    return fact
