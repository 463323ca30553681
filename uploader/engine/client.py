"""Our backend's API, seen from the desktop: every reply becomes a model of the wire, or an error with words."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from urllib.parse import quote

import httpx
from httpx_sse import EventSource
from pydantic import BaseModel, ValidationError

from uploader.engine.http import out_of_place, parsed, translated, wait_asked
from uploader.engine.session import Session
from uploader.errors import (
    AlreadyPosted,
    DayUsedUp,
    DiskFull,
    NotAServer,
    NotAVideo,
    NotYourVideo,
    PostGone,
    PostRefused,
    ProcessingFailed,
    ReelferryError,
    Refused,
    ServerBusy,
    SignInNeeded,
    StillProcessing,
    TooLarge,
    TooManyUploads,
    Transient,
    Unexpected,
    VideoGone,
)
from uploader.wire import (
    Communities,
    Community,
    Me,
    OwnPost,
    OwnPosts,
    Post,
    PostChange,
    PostRequest,
    Problem,
    PublishRequest,
    ServerConfig,
    Ticket,
    UploadRequest,
    VideoStatus,
)

log = logging.getLogger(__name__)

STREAM = httpx.Timeout(30.0, connect=20.0, read=45.0)
"""An event stream gives a sign of life every fifteen seconds."""

MEANINGS: Mapping[str, type[ReelferryError]] = {
    "access_denied": NotYourVideo,
    "already_published": AlreadyPosted,
    "daily_limit": DayUsedUp,
    "disk_full": DiskFull,
    "file_too_large": TooLarge,
    "idempotency_in_progress": ServerBusy,
    "idempotency_mismatch": Unexpected,
    "invalid_file_type": NotAVideo,
    "post_cancelled": PostGone,
    "post_not_found": PostGone,
    "rate_limited": ServerBusy,
    "too_many_uploads": TooManyUploads,
    "unauthorized": SignInNeeded,
    "upload_complete": ServerBusy,
    "video_cancelled": VideoGone,
    "video_failed": ProcessingFailed,
    "video_not_found": VideoGone,
    "video_posted": AlreadyPosted,
    "video_processing": StillProcessing,
}
"""What a problem's code means; all others are refusals."""

OF_A_POST: Mapping[str, type[ReelferryError]] = {**MEANINGS, "access_denied": PostRefused}


class Client:
    """Speaks to one server, as the person of `session`. Every method raises from `uploader.errors`, nothing else."""

    def __init__(self, http: httpx.AsyncClient, session: Session) -> None:
        self._http = http
        self._session = session

    async def config(self) -> ServerConfig:
        """What this server takes. Needs no sign-in. NotAServer if it is no backend of ours."""
        reply = await self._send("GET", "/api/config")
        if error := out_of_place(reply):
            raise error
        if not reply.is_success:
            raise NotAServer(f"/api/config: {reply.status_code}")
        return parsed(reply, ServerConfig)

    async def me(self) -> Me:
        """Who is signed in."""
        return parsed(await self._ask("GET", "/api/me"), Me)

    async def communities(self) -> tuple[Community, ...]:
        """Where this person may post."""
        return parsed(await self._ask("GET", "/api/communities"), Communities).communities

    async def sign_out_everywhere(self) -> None:
        """End every sign-in of this person, this one too. Refused where the server keeps no accounts of its own."""
        reply = await self._signed("POST", "/api/me/sign-out-everywhere")
        if reply.status_code in {404, 405, 409}:
            title = "This server cannot sign you out everywhere"
            hint = "Do it where you have your account, or ask the person who runs the server."
            raise Refused(f"sign-out-everywhere: {reply.status_code}", title=title, hint=hint)
        if error := _error(reply):
            raise error

    async def ticket(self, request: UploadRequest, *, key: str) -> Ticket:
        """Leave to upload. The same `key` (Idempotency-Key) and request give the same ticket."""
        return parsed(await self._ask("POST", "/api/videos/upload-url", request, key), Ticket)

    async def renewed(self, video_id: str) -> Ticket:
        """Leave to go on with an upload whose ticket is over; one that is still good is given again."""
        return parsed(await self._ask("POST", f"{_video(video_id)}/upload-url"), Ticket)

    async def status(self, video_id: str) -> VideoStatus:
        """What became of a video. VideoGone if the server does not have it."""
        return parsed(await self._ask("GET", f"{_video(video_id)}/status"), VideoStatus)

    async def post(self, request: PostRequest, *, key: str) -> Post:
        """Publish. PostRefused only when the server has said no and published nothing."""
        return parsed(await self._posting("POST", "/api/posts", request, key), Post)

    async def hand_over(self, request: PublishRequest, *, key: str) -> OwnPost:
        """Have the server publish by itself. PostRefused only when it has said no and publishes nothing."""
        return parsed(await self._posting("POST", "/api/posts", request, key), OwnPost)

    async def own_post(self, post_id: str) -> OwnPost:
        """What became of a post that was handed over. PostGone if the server does not have it."""
        return parsed(await self._posting("GET", _post(post_id)), OwnPost)

    async def pending_posts(self) -> tuple[OwnPost, ...]:
        """What of this person's is not out: drafts, posts that wait, posts that were not published; newest first."""
        found: list[OwnPost] = []
        cursor: str | None = ""
        while cursor is not None:
            after = f"&cursor={quote(cursor, safe='')}" if cursor else ""
            page = parsed(await self._posting("GET", f"/api/posts/pending?limit=100{after}"), OwnPosts)
            found += page.posts
            cursor = page.next_cursor
        return tuple(found)

    async def change_post(self, post_id: str, change: PostChange) -> OwnPost:
        """Change what was handed over. AlreadyPosted, PostGone; PostRefused when the server keeps what it had."""
        return parsed(await self._posting("PATCH", _post(post_id), change), OwnPost)

    async def cancel_post(self, post_id: str) -> None:
        """Never publish what was handed over. AlreadyPosted, PostGone."""
        await self._posting("DELETE", _post(post_id))

    async def events(self) -> AsyncGenerator[VideoStatus | None, None]:
        """What the server tells of this person's videos by itself: None once it speaks, then a status at a time.

        Ends when the server ends it. Raises as every method does; Stalled where it gives no sign of life.
        """
        token = await self._session.access()
        for again in (True, False):
            headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
            with translated():
                async with self._http.stream("GET", "/api/videos/events", headers=headers, timeout=STREAM) as reply:
                    if reply.status_code != 401 or not again:
                        async for status in _told(reply):
                            yield status
                        return
            token = await self._session.access(rejected=token)

    async def delete(self, video_id: str) -> None:
        """Cancel an upload or delete a video, unless it is in a post. One that is not there is deleted already."""
        try:
            await self._ask("DELETE", f"{_video(video_id)}?unless=posted")
        except (VideoGone, AlreadyPosted) as error:
            log.info("not deleted: %s", error)

    async def _posting(
        self, method: str, path: str, body: BaseModel | None = None, key: str | None = None
    ) -> httpx.Response:
        """A request about a post, and its success; where it is refused, that is about the post."""
        reply = await self._signed(method, path, body, key)
        if error := _error(reply, OF_A_POST, otherwise=PostRefused):
            raise error
        return reply

    async def _ask(
        self, method: str, path: str, body: BaseModel | None = None, key: str | None = None
    ) -> httpx.Response:
        """A request in somebody's name, and its success."""
        reply = await self._signed(method, path, body, key)
        if error := _error(reply):
            raise error
        return reply

    async def _signed(
        self, method: str, path: str, body: BaseModel | None = None, key: str | None = None
    ) -> httpx.Response:
        """A token the server no longer takes is replaced once."""
        token = await self._session.access()
        reply = await self._send(method, path, body, key, token)
        if reply.status_code == 401:
            token = await self._session.access(rejected=token)
            reply = await self._send(method, path, body, key, token)
        return reply

    async def _send(
        self, method: str, path: str, body: BaseModel | None = None, key: str | None = None, token: str | None = None
    ) -> httpx.Response:
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = body.model_dump_json(
                by_alias=True, exclude_none=not isinstance(body, PostChange), exclude_unset=isinstance(body, PostChange)
            )
        with translated():
            return await self._http.request(method, path, headers=headers, content=content)


async def _told(reply: httpx.Response) -> AsyncIterator[VideoStatus | None]:
    if not reply.is_success:
        await reply.aread()
        if error := _error(reply):
            raise error
    async for event in EventSource(reply).aiter_sse():
        if event.event == "open":
            yield None
        elif event.event == "video":
            try:
                yield VideoStatus.model_validate_json(event.data)
            except ValidationError as error:
                raise NotAServer(f"an event that is no status: {error.error_count()} mistakes") from error


def _video(video_id: str) -> str:
    return f"/api/videos/{quote(video_id, safe='')}"


def _post(post_id: str) -> str:
    return f"/api/posts/{quote(post_id, safe='')}"


def _problem(reply: httpx.Response) -> Problem | None:
    """What a server of ours says when it does not do as asked; None from anybody else."""
    if reply.is_success:
        return None
    try:
        return Problem.model_validate_json(reply.content)
    except ValidationError:
        return None


def _error(
    reply: httpx.Response,
    meanings: Mapping[str, type[ReelferryError]] = MEANINGS,
    otherwise: type[ReelferryError] = Refused,
) -> ReelferryError | None:
    """The error in a reply, with the id under which the server's log has it; None for a success."""
    error = _meaning(reply, meanings, otherwise)
    if error is not None and (name := reply.headers.get("x-request-id")):
        error.detail += f" (request {name[:64]})"
    return error


def _meaning(
    reply: httpx.Response, meanings: Mapping[str, type[ReelferryError]], otherwise: type[ReelferryError]
) -> ReelferryError | None:
    """`otherwise` is what a problem without a meaning is."""
    detail = f"{reply.request.method} {reply.request.url.path}: {reply.status_code}"
    problem = _problem(reply)
    if problem is not None and problem.code in meanings:
        return _made(meanings[problem.code], f"{detail} {problem.code}", reply)
    if error := out_of_place(reply):
        return error
    if reply.is_success:
        return None
    if reply.status_code == 401:
        return SignInNeeded(detail)
    if problem is not None:
        return otherwise(f"{detail} {problem.code}: {problem.error}")
    return NotAServer(detail) if reply.status_code == 404 else Refused(detail)


def _made(kind: type[ReelferryError], detail: str, reply: httpx.Response) -> ReelferryError:
    if issubclass(kind, Transient):
        return kind(detail, retry_after=wait_asked(reply))
    return kind(detail)
