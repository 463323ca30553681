"""A backend and an upload host in memory, with the real rules, that fail when a test says so."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.engine.post_office import PostOffice
from uploader.engine.work import Work, known
from uploader.errors import ReelferryError, Refused, UploadForgotten, VideoGone
from uploader.wire import (
    Author,
    ChunkRules,
    OwnPost,
    Post,
    PostChange,
    PostRequest,
    PublishRequest,
    Ticket,
    UploadRequest,
    VideoProblem,
    VideoStatus,
)

CHUNK = 1000


@dataclass(slots=True)
class Video:
    size: int
    url: str
    state: str = "uploading"
    held: bytearray = field(default_factory=bytearray)
    polls: int = 0


class MemoryBackend:
    """Satisfies `work.Backend`; `transfer` is a step that uploads to it.

    `renewal` makes the renewed ticket of the first one. `before[name]` and `after[name]` hold errors to be raised the
    next times `name` is asked, before or after doing it: an error after is a lost reply. `gates[name]` is an event that
    requests wait for.
    """

    def __init__(self, *, polls: int = 1) -> None:
        self.polls = polls
        self.videos: dict[str, Video] = {}
        self.posts: dict[str, tuple[PostRequest, Post]] = {}
        self.deleted: list[str] = []
        self.asked: list[str] = []
        self.before: defaultdict[str, deque[ReelferryError]] = defaultdict(deque)
        self.after: defaultdict[str, deque[ReelferryError]] = defaultdict(deque)
        self.gates: dict[str, asyncio.Event] = {}
        self.problem: VideoProblem | None = None
        self.lifetime = timedelta(hours=6)
        self.protocol = "tus"
        self.renewal: Callable[[Ticket], Ticket] = lambda ticket: ticket
        self.office = PostOffice(self.state_of, lambda: datetime.now(UTC))
        self._tickets: dict[str, tuple[UploadRequest, Ticket]] = {}

    async def ticket(self, request: UploadRequest, *, key: str) -> Ticket:
        await self._enter("ticket")
        known_request, ticket = self._tickets.get(key, (request, None))
        if known_request != request:
            raise Refused("idempotency_mismatch")
        if ticket is None:
            video_id = f"video-{len(self._tickets) + 1}"
            url = f"http://host/{video_id}"
            self.videos[video_id] = Video(request.file_size, url)
            ticket = Ticket(
                video_id=video_id,
                upload_url=url,
                provider="memory",
                expires_at=datetime.now(UTC) + self.lifetime,
                protocol=self.protocol,
                chunk=ChunkRules(default=CHUNK),
                max_bytes=10**9,
            )
            self._tickets[key] = request, ticket
        self._leave("ticket")
        return ticket

    async def renewed(self, video_id: str) -> Ticket:
        await self._enter("renewed")
        (ticket,) = (ticket for _, ticket in self._tickets.values() if ticket.video_id == video_id)
        ticket = self.renewal(ticket)
        self.videos[video_id].url = ticket.upload_url
        self._leave("renewed")
        return ticket

    async def status(self, video_id: str) -> VideoStatus:
        await self._enter("status")
        video = self.videos.get(video_id)
        if video is None:
            raise VideoGone
        if video.state == "processing":
            video.polls += 1
            if video.polls > self.polls:
                video.state = "ready" if self.problem is None else "error"
                self.office.deliver()
        self._leave("status")
        return VideoStatus.model_validate(
            {
                "videoId": video_id,
                "status": video.state,
                "provider": "memory",
                "watchUrl": f"http://host/watch/{video_id}" if video.state == "ready" else None,
                "stage": "transcoding" if video.state == "processing" else None,
                "percent": min(100, video.polls * 10) if video.state == "processing" else None,
                "error": self.problem if video.state == "error" else None,
            }
        )

    async def post(self, request: PostRequest, *, key: str) -> Post:
        await self._enter("post")
        known_request, post = self.posts.get(key, (request, None))
        if known_request != request:
            raise Refused("idempotency_mismatch")
        if post is None:
            post = Post(
                id=f"post-{len(self.posts) + 1}",
                content=request.content,
                type="video",
                author=Author(id="1", name="Ann", username="ann"),
                media=None,
                community=None,
                timestamp=datetime.now(UTC),
            )
            self.posts[key] = request, post
        self._leave("post")
        return post

    async def hand_over(self, request: PublishRequest, *, key: str) -> OwnPost:
        await self._enter("hand_over")
        post = self.office.take(request, key)
        self._leave("hand_over")
        return post

    async def own_post(self, post_id: str) -> OwnPost:
        await self._enter("own_post")
        post = self.office.read(post_id)
        self._leave("own_post")
        return post

    async def change_post(self, post_id: str, change: PostChange) -> OwnPost:
        await self._enter("change_post")
        post = self.office.change(post_id, change)
        self._leave("change_post")
        return post

    async def cancel_post(self, post_id: str) -> None:
        await self._enter("cancel_post")
        self.office.cancel(post_id)
        self._leave("cancel_post")

    def state_of(self, video_id: str) -> str | None:
        video = self.videos.get(video_id)
        return video.state if video else None

    async def delete(self, video_id: str) -> None:
        await self._enter("delete")
        if any(post.video_id == video_id for post in self.office.published):
            return
        self.deleted.append(video_id)
        self.videos.pop(video_id, None)
        self._leave("delete")

    async def transfer(self, work: Work) -> None:
        """The step: sends what is missing, a thousand bytes at a time."""
        ticket = known(work.job.ticket)
        while True:
            await self._enter("transfer")
            video = self.videos.get(ticket.video_id)
            if video is None or video.url != ticket.upload_url:
                raise UploadForgotten
            offset = len(video.held)
            work.learn(sent=offset, confirmed=offset, resume={"url": video.url})
            if offset == video.size:
                break
            work.check()
            video.held += work.job.path.read_bytes()[offset : offset + CHUNK]
            work.tell(sent=len(video.held))
            self._leave("transfer")
            await asyncio.sleep(0)
        if video.state == "uploading":
            video.state = "processing"

    async def _enter(self, name: str) -> None:
        self.asked.append(name)
        if (gate := self.gates.get(name)) is not None:
            await gate.wait()
        if self.before[name]:
            raise self.before[name].popleft()

    def _leave(self, name: str) -> None:
        if self.after[name]:
            raise self.after[name].popleft()


@dataclass(frozen=True, slots=True)
class Look:
    duration: float | None = 12.5
    width: int = 1920
    height: int = 1080


class MemoryMedia:
    """Satisfies `work.Media`: every file is a video with a picture, unless a test has put an error here."""

    def __init__(self) -> None:
        self.look = Look()
        self.probing: deque[ReelferryError] = deque()
        self.framing: deque[ReelferryError] = deque()
        self.while_probing: Callable[[], object] | None = None

    def probe(self, path: Path) -> Look:
        if self.probing:
            raise self.probing.popleft()
        if self.while_probing is not None:
            self.while_probing()
            self.while_probing = None
        return self.look

    def frame(self, path: Path, target: Path) -> None:
        if self.framing:
            raise self.framing.popleft()
        target.write_bytes(b"JPEG")
