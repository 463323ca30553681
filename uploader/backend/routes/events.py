"""What becomes of a person's videos, told as it happens: server-sent events.

Level-triggered: the first thing sent is the state of each video that is not finished or has only just been, then a
state whenever it is no longer what was sent. Whoever connects again hears everything anew, so there is nothing to catch
up on. Polling the status stays the contract; this only makes it quicker.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from uploader.backend import jobs, videos
from uploader.backend.accounts.guard import CurrentUser, whose
from uploader.backend.context import Backend, TheBackend
from uploader.backend.problems import ApiProblem, problem_response, responses
from uploader.backend.routes.videos import video_status
from uploader.backend.store.models import Video
from uploader.backend.store.trouble import lost_race, out_of_reach
from uploader.backend.streams import TooMany
from uploader.wire import VideoStatus

router = APIRouter(prefix="/api/videos", tags=["videos"])

A_WHILE = 30
A_MOMENT = 1.0
TYPE = "text/event-stream"
HEADERS = [(b"content-type", f"{TYPE}; charset=utf-8".encode()), (b"x-accel-buffering", b"no")]
BEGIN = b"retry: 2000\nevent: open\ndata: {}\n\n"
ALIVE = b": alive\n\n"
ANSWER = {"description": "An `open` event, then `video` events: the status of one video each", "content": {TYPE: {}}}

JUST = timedelta(minutes=1)
"""Before the stream began: clocks of two hosts differ, and what ended while somebody connected is news to them."""

_CURRENT = (  # made once: a thousand streams look whenever a server starts
    select(Video)
    .where(
        Video.user_id == bindparam("user"),
        or_(Video.status.in_(videos.UNFINISHED), Video.processed_at >= bindparam("since")),
    )
    .order_by(Video.created_at)
)

Statuses = Mapping[str, VideoStatus]
Look = Callable[[], Statuses | None]


@router.get("/events", response_class=Response, responses={200: ANSWER, **responses(401, 429)})
def events(request: Request, user: CurrentUser, backend: TheBackend) -> Response:
    """The state of each of my unfinished videos, now and after every change, until the token is over."""
    token = request.headers["authorization"].partition(" ")[2]
    since = backend.clock() - JUST

    def look() -> Statuses | None:
        return _statuses(backend, user.id, since) if whose(backend, token) is not None else None

    return EventStream(backend, user.id, look)


def _statuses(backend: Backend, user_id: str, since: datetime) -> Statuses:
    """Of this user's videos that are not finished, or were not at that time; by id."""
    with backend.database.read() as session:
        mine = session.scalars(_CURRENT, {"user": user_id, "since": since}).all()
        return {video.id: _status(backend, session, video) for video in mine}


def _status(backend: Backend, session: Session, video: Video) -> VideoStatus:
    if video.status != "processing":
        return video_status(backend, video, None)
    return video_status(backend, video, jobs.position(session, "transcode", videos.transcode_key(video.id)))


class EventStream(Response):
    """Speaks until the reader goes, the server stops, or `look` says None: nobody may look any more.

    `look` is called in a thread.
    """

    media_type = TYPE

    def __init__(self, backend: Backend, user_id: str, look: Look) -> None:
        super().__init__()
        self._backend = backend
        self._user_id = user_id
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole stream."""
        streams = self._backend.streams
        try:
            with streams.opened(self._backend.database, self._user_id) as bell, self._backend.observer.streaming():
                async with anyio.create_task_group() as group:
                    group.start_soon(_until_gone, receive, group.cancel_scope)
                    await self._speak(send, bell.heard)
                    group.cancel_scope.cancel()
        except TooMany:
            refusal = problem_response(429, "Too many event streams are open", "rate_limited", retry_after=A_WHILE)
            await refusal(scope, receive, send)

    async def _speak(self, send: Send, heard: Callable[[float], Awaitable[bool]]) -> None:
        streams = self._backend.streams

        async def say(words: bytes) -> bool:
            return await _say(send, streams.patience, words)

        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        taken = await say(BEGIN)
        told: Statuses = {}
        while taken and not streams.stopping:
            try:
                seen = await to_thread.run_sync(self._look, limiter=streams.lookers)
            except (SQLAlchemyError, ApiProblem) as error:
                if isinstance(error, SQLAlchemyError) and not (lost_race(error) or out_of_reach(error)):
                    raise
                await heard(A_MOMENT)
                continue
            if seen is None:
                break
            for video_id, status in seen.items():
                if told.get(video_id) != _lasting(status):
                    taken = taken and await say(_event(status))
            told = {video_id: _lasting(status) for video_id, status in seen.items()}
            if taken and not await heard(streams.heartbeat):
                taken = await say(ALIVE)
        if taken:
            await send({"type": "http.response.body", "body": b""})


def _lasting(status: VideoStatus) -> VideoStatus:
    """Without addresses: they may be signed anew for each reading, which is no change of the video."""
    return status.model_copy(update={"playback_url": None, "thumbnail_url": None, "watch_url": None})


def _event(status: VideoStatus) -> bytes:
    return f"event: video\ndata: {status.model_dump_json(by_alias=True)}\n\n".encode()


async def _say(send: Send, patience: float, words: bytes) -> bool:
    """False: the reader does not take what it is sent."""
    with anyio.move_on_after(patience):
        await send({"type": "http.response.body", "body": words, "more_body": True})
        return True
    return False


async def _until_gone(receive: Receive, stream: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.cancel()
