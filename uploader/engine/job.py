"""One file on its way: where it has got to, and whether it is moving.

Two small machines, not one large one: `Step` is the place in the flow, `Status` is whether it moves.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator

from uploader.wire import OwnPost, PublishRequest, Ticket


def _path(value: object) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError("not a path")  # noqa: TRY004  (pydantic takes ValueError)
    return Path(value)


FilePath = Annotated[Path, PlainValidator(_path)]
"""A path out of the queue's database, made once: pydantic's own way makes it twice, which ten thousand jobs feel."""


class Step(enum.StrEnum):
    """Where a job stands. It goes forward, or starts over."""

    PREPARE = "prepare"
    TRANSFER = "transfer"
    PROCESS = "process"
    POST = "post"
    DONE = "done"


ORDER = tuple(Step)


class Status(enum.StrEnum):
    """Whether it is moving."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FINISHED = "finished"


MOVES: Mapping[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.RUNNING, Status.PAUSED, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.WAITING, Status.PAUSED, Status.FAILED, Status.CANCELLED, Status.FINISHED}),
    Status.PAUSED: frozenset({Status.WAITING, Status.CANCELLED}),
    Status.FAILED: frozenset({Status.WAITING, Status.CANCELLED}),
    Status.CANCELLED: frozenset(),
    Status.FINISHED: frozenset(),
}

ENDED = frozenset({Status.CANCELLED, Status.FINISHED})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes a file this file: bytes, nanoseconds since the epoch, hashes of its first and last MiB (hex)."""

    size: int
    mtime_ns: int
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The post as it stands. `approved` is the person's word: post this when the video is ready.

    `publish_at` (aware) is the time it is not to be posted before. `min_height` (pixels) is what the best rendition is
    to have first; only a server that publishes by itself can wait for that.
    """

    text: str = ""
    community_id: str | None = None
    approved: bool = False
    publish_at: datetime | None = None
    min_height: int | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """A post that the server publishes by itself.

    `request` is what was sent first: asked again with the same key, the server finds the same post. `told` is the draft
    as the server has it. `said` is its last word; until there is one, neither is known to have arrived.
    """

    request: PublishRequest
    told: Draft
    said: OwnPost | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a job does not move, in words. `retry_at` is when it tries again by itself (UTC), if it does."""

    code: str
    title: str
    hint: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """What the server said last while it makes the video watchable."""

    stage: str = ""
    percent: float | None = None
    queue_position: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A snapshot. Nobody edits one; the queue makes the next.

    `sent` has left for the socket, `confirmed` is held by the server (bytes both; equal when nothing moves). `rate` is
    bytes per second, smoothed; 0 when nothing moves. `attempt` counts uploads begun anew: part of the idempotency key.
    `sealed` is set once a post may have reached the server: the draft can no longer change. Not so with a `handover`:
    what is changed then is told to the server. `handovers` counts them: part of the idempotency key.
    """

    id: str
    path: FilePath
    size: int
    title: str
    added_at: datetime
    step: Step = Step.PREPARE
    status: Status = Status.WAITING
    sent: int = 0
    confirmed: int = 0
    rate: float = 0.0
    fingerprint: Fingerprint | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    thumbnail: FilePath | None = None
    attempt: int = 1
    ticket: Ticket | None = None
    resume: Mapping[str, str] = field(default_factory=dict)
    processing: Processing | None = None
    draft: Draft = field(default_factory=Draft)
    sealed: bool = False
    handover: Handover | None = None
    handovers: int = 0
    watch_url: str | None = None
    post_id: str | None = None
    finished_at: datetime | None = None
    trouble: Trouble | None = None

    @property
    def pending_post_id(self) -> str | None:
        """The post that the server publishes by itself, once it has said that it has it."""
        return self.handover.said.id if self.handover is not None and self.handover.said is not None else None

    @property
    def in_step(self) -> bool:
        """Whether the server has confirmed that it has the draft as it is now."""
        return self.handover is not None and self.handover.said is not None and self.handover.told == self.draft

    @property
    def entrusted(self) -> bool:
        """Whether the server has said that it publishes this draft, with or without this computer."""
        handover = self.handover
        return self.in_step and handover is not None and handover.said is not None and handover.said.state == "waiting"

    @property
    def awaited_height(self) -> int | None:
        """The height the server waits for before it publishes this draft, when that is all it waits for."""
        handover = self.handover
        if not self.entrusted or handover is None or handover.said is None or handover.said.waits_for != "rendition":
            return None
        return handover.said.min_height

    def to(self, status: Status, *, trouble: Trouble | None = None) -> "Job":
        """The same job in another status. ValueError if `MOVES` has no such move."""
        if status not in MOVES[self.status]:
            raise ValueError(f"a {self.status} job cannot become {status}")
        return replace(self, status=status, trouble=trouble, rate=0.0, sent=self.confirmed)

    def waits(self, trouble: Trouble | None) -> "Job":
        """Waiting, with the reason: from any status that may wait, and from waiting for something else."""
        if self.status is Status.WAITING:
            return replace(self, trouble=trouble)
        return self.to(Status.WAITING, trouble=trouble)

    def onward(self) -> "Job":
        """At the next step."""
        return replace(self, step=ORDER[ORDER.index(self.step) + 1], trouble=None, rate=0.0)

    def anew(self) -> "Job":
        """Back to the start with a new upload: the only way a step goes backwards. The draft is kept."""
        return replace(
            self, step=Step.PREPARE, attempt=self.attempt + 1, ticket=None, resume={}, sent=0, confirmed=0, rate=0.0,
            fingerprint=None, processing=None, watch_url=None,
        )  # fmt: skip
