"""A backend with an upload host, over HTTP and with the real rules: what the engine meets where nothing is mocked."""

import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.engine.api_host import ApiHost

CHUNK = 256 * 1024


@dataclass
class Video:
    """One upload and what becomes of it."""

    id: str
    size: int
    state: str = "uploading"
    held: bytearray = field(default_factory=bytearray)
    turn: int = 0
    """Goes up with each request: only the newest stores bytes, so what a HEAD has said stays true."""


@dataclass
class FakeBackend:
    """An ASGI app. `oauth` is its sign-in; the rest is what it keeps.

    An Idempotency-Key is honoured as the real one does it: the same body gets the stored answer, another body 422, and
    a refusal uses no key up. `ready` says whether videos become ready when asked for; `communities` may be posted to.
    """

    oauth: ApiHost = field(default_factory=ApiHost)
    ready: bool = True
    ends_sign_ins: bool = False
    communities: tuple[str, ...] = ("films",)
    videos: dict[str, Video] = field(default_factory=dict)
    posts: list[dict[str, object]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refused: int = 0
    """PATCHes from another byte than the next one."""
    answered: dict[tuple[str, str], tuple[bytes, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._app = Starlette(
            routes=[
                Route("/api/config", self._config),
                Route("/api/me/sign-out-everywhere", self._signed_in(self._end_sign_ins), methods=["POST"]),
                Route("/api/communities", self._signed_in(self._communities)),
                Route("/api/videos/upload-url", self._signed_in(self._upload_url), methods=["POST"]),
                Route("/api/videos/{id}/status", self._signed_in(self._status)),
                Route("/api/videos/{id}", self._signed_in(self._delete), methods=["DELETE"]),
                Route("/api/posts", self._signed_in(self._post), methods=["POST"]),
                Route("/files/{id}", self._patch, methods=["PATCH"]),
                Route("/files/{id}", self._head, methods=["HEAD"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.requests.append(f"{scope['method']} {path}")
        ours = path.startswith(("/api/", "/files/")) and path != "/api/me"
        await (self._app if ours else self.oauth)(scope, receive, send)

    def asked(self, request: str) -> int:
        """How many requests began with these words."""
        return sum(1 for asked in self.requests if asked.startswith(request))

    def _signed_in(self, act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.oauth.access:
                return problem(401, "Unauthorized", "unauthorized")
            return await act(request)

        return guarded

    async def _end_sign_ins(self, request: Request) -> Response:
        return Response(status_code=204) if self.ends_sign_ins else problem(404, "Not found", "not_found")

    async def _config(self, request: Request) -> Response:
        del request
        return JSONResponse(
            {
                "product": "reelferry",
                "version": "1",
                "maxBytes": 500 * 2**20,
                "maxDurationSeconds": 3600,
                "acceptedTypes": ["video/*"],
                "protocols": ["tus"],
            }
        )

    async def _communities(self, request: Request) -> Response:
        del request
        return JSONResponse({"communities": [{"id": name, "name": name.title()} for name in self.communities]})

    async def _upload_url(self, request: Request) -> Response:
        async def grant(said: dict[str, object]) -> Response:
            video = Video(f"video-{next(self._numbers)}", int(str(said["fileSize"])))
            self.videos[video.id] = video
            return JSONResponse(
                {
                    "videoId": video.id,
                    "uploadUrl": f"{request.base_url}files/{video.id}",
                    "provider": "fake",
                    "expiresAt": (datetime.now(UTC) + timedelta(hours=6)).isoformat(),
                    "protocol": "tus",
                    "chunk": {"min": 1, "max": CHUNK, "multiple": 1, "default": CHUNK},
                    "maxBytes": video.size,
                }
            )

        return await self._once(request, grant)

    async def _status(self, request: Request) -> Response:
        video = self.videos.get(request.path_params["id"])
        if video is None:
            return problem(404, "Video not found", "video_not_found")
        if video.state == "processing" and self.ready:
            video.state = "ready"
        watch = f"{request.base_url}watch/{video.id}" if video.state == "ready" else None
        return JSONResponse({"videoId": video.id, "status": video.state, "provider": "fake", "watchUrl": watch})

    async def _delete(self, request: Request) -> Response:
        self.deleted.append(request.path_params["id"])
        self.videos.pop(request.path_params["id"], None)
        return Response(status_code=204)

    async def _post(self, request: Request) -> Response:
        async def publish(said: dict[str, object]) -> Response:
            video = self.videos.get(str(said["videoId"]))
            if video is None:
                return problem(404, "Video not found", "video_not_found")
            if video.state != "ready":
                return problem(409, "Video is still processing", "video_processing")
            if said.get("communityId") not in (None, *self.communities):
                return problem(404, "Community not found", "community_not_found")
            self.posts.append(said)
            return JSONResponse(
                {
                    "id": f"post-{len(self.posts)}",
                    "content": said["content"],
                    "type": "video",
                    "author": {"id": "u1", "name": "Ann", "username": "ann"},
                    "media": None,
                    "community": None,
                    "timestamp": datetime.now(UTC).isoformat(),
                }
            )

        return await self._once(request, publish)

    async def _once(self, request: Request, act: Callable[[dict[str, object]], Awaitable[Response]]) -> Response:
        """Do it once for a key."""
        body = await request.body()
        place = request.url.path, request.headers["idempotency-key"]
        if place in self.answered:
            first_body, answer = self.answered[place]
            if first_body != body:
                return problem(422, "This Idempotency-Key was used for another request", "idempotency_mismatch")
            return JSONResponse(answer)
        reply = await act(json.loads(body))
        if reply.status_code == 200:
            self.answered[place] = body, json.loads(bytes(reply.body))
        return reply

    async def _head(self, request: Request) -> Response:
        video = self.videos.get(request.path_params["id"])
        if video is None:
            return Response(status_code=404, headers=TUS)
        video.turn += 1
        return Response(headers={**TUS, "Upload-Offset": str(len(video.held)), "Upload-Length": str(video.size)})

    async def _patch(self, request: Request) -> Response:
        video = self.videos.get(request.path_params["id"])
        if video is None:
            return Response(status_code=404, headers=TUS)
        if int(request.headers["upload-offset"]) != len(video.held):
            self.refused += 1
            return Response(status_code=409, headers=TUS)
        video.turn += 1
        turn = video.turn
        try:
            async for piece in request.stream():
                if video.turn != turn:  # somebody asked where it stands: this line is given up
                    return Response(status_code=423, headers=TUS)
                video.held += piece
        except ClientDisconnect:
            return Response(status_code=400)
        if len(video.held) == video.size:
            video.state = "processing"
        return Response(status_code=204, headers={**TUS, "Upload-Offset": str(len(video.held))})


TUS = {"Tus-Resumable": "1.0.0"}


def problem(status: int, error: str, code: str) -> Response:
    """An error as our backend says it."""
    return JSONResponse({"error": error, "code": code}, status)
