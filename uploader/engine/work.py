"""What a step of the flow is given to work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from uploader.engine.clock import Clock
from uploader.engine.job import Job
from uploader.engine.limit import Limiter
from uploader.engine.news import News
from uploader.engine.rate import Pace
from uploader.errors import ReelferryError
from uploader.wire import (
    OwnPost,
    Post,
    PostChange,
    PostRequest,
    PublishRequest,
    ServerConfig,
    Ticket,
    UploadRequest,
    VideoStatus,
)

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Backend(Protocol):
    """What the flow asks of our server. Every method raises from `uploader.errors`, nothing else."""

    async def ticket(self, request: UploadRequest, *, key: str) -> Ticket:
        """Leave to upload. The same `key` (Idempotency-Key) and request give the same ticket."""
        ...

    async def renewed(self, video_id: str) -> Ticket:
        """Leave to go on with an upload whose ticket is over; one that is still good is given again."""
        ...

    async def status(self, video_id: str) -> VideoStatus:
        """What became of a video. VideoGone if the server does not have it."""
        ...

    async def post(self, request: PostRequest, *, key: str) -> Post:
        """Publish. PostRefused only when the server has said no and published nothing."""
        ...

    async def hand_over(self, request: PublishRequest, *, key: str) -> OwnPost:
        """Have the server publish by itself. PostRefused only when it has said no and publishes nothing."""
        ...

    async def own_post(self, post_id: str) -> OwnPost:
        """What became of a post that was handed over. PostGone if the server does not have it."""
        ...

    async def change_post(self, post_id: str, change: PostChange) -> OwnPost:
        """Change what was handed over. AlreadyPosted, PostGone; PostRefused when the server keeps what it had."""
        ...

    async def cancel_post(self, post_id: str) -> None:
        """Never publish what was handed over. AlreadyPosted, PostGone."""
        ...

    async def delete(self, video_id: str) -> None:
        """Cancel an upload or delete a video, unless it is in a post. One that is not there is deleted already."""
        ...


class Media(Protocol):
    """What is asked of `uploader.media`: the module itself is one of these. Both block; call them in a thread."""

    def probe(self, path: Path) -> "Probe":
        """What is in a file. NotAVideo, FileUnreadable, MediaFailed."""
        ...

    def frame(self, path: Path, target: Path) -> None:
        """Write one picture of it, as JPEG."""
        ...


class Probe(Protocol):
    """The part of a probe's answer that a job keeps: seconds and pixels."""

    @property
    def duration(self) -> float | None:
        """Seconds, if the file says."""
        ...

    @property
    def width(self) -> int:
        """Pixels, as displayed."""
        ...

    @property
    def height(self) -> int:
        """Pixels, as displayed."""
        ...


class Change(Protocol):
    """Fields of the job, by name, that are no longer what they were."""

    def __call__(self, **facts: object) -> None:
        """Apply them to the job's snapshot. Ignored once this run of the step has been stopped."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What the queue works with, outside of itself. `heard` is told of every error, and None of every progress.

    `pace` is what has been measured of the line, `limiter` what holds uploads back, `news` what the
    server tells by itself; all jobs share one of each.
    """

    backend: Backend
    http: "httpx.AsyncClient"
    media: Media
    thumbnails: Path
    limits: Callable[[], ServerConfig | None] = lambda: None
    heard: Callable[[ReelferryError | None], None] = lambda _: None
    on_rate: Callable[[float], None] = lambda _: None
    clock: Clock = Clock()  # noqa: RUF009  (frozen)
    pace: Pace = field(default_factory=Pace)
    limiter: Limiter = field(default_factory=Limiter)
    news: News = field(default_factory=News)


@dataclass(frozen=True, slots=True)
class Work:
    """One job at one step.

    `learn` keeps facts and tells everyone: for what must survive a crash (a checkpoint, a ticket). `tell` only tells:
    for what leaves for the socket (`sent`); the rate is derived from it. `kept` returns once everything learnt so far
    is on disk. `check` looks at the file before a piece of it is sent: FileMissing, FileChanged, FileUnreadable. `http`
    speaks to upload hosts and carries no token of ours. `limits` is what the server takes, if it has said so.
    `pace` is what has been measured of the line, `limiter` what holds uploads back, `news` what the
    server tells by itself; all jobs share one of each.
    """

    read: Callable[[], Job]
    learn: Change
    tell: Change
    kept: Callable[[], Awaitable[None]]
    check: Callable[[], None]
    limits: Callable[[], ServerConfig | None]
    backend: Backend
    http: "httpx.AsyncClient"
    media: Media
    thumbnails: Path
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    limiter: Limiter = field(default_factory=Limiter)
    news: News = field(default_factory=News)

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self.read()


def known(fact: T | None) -> T:
    """A fact that an earlier step has established."""
    if fact is None:
        raise LookupError("an earlier step did not leave what this one needs")
    return fact
