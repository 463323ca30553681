"""Cloudflare Stream as documented: its API and its upload host on one port, every rule of theirs enforced."""

import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.engine.served import served

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "a-token-with-stream-write"
MIN, MAX, MULTIPLE = 5_242_880, 209_715_200, 262_144
FORM_LIMIT = 200_000_000
A_KEY = base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----").decode()
LARGEST = 30 * 10**9
MOST_QUEUED = 120
ORDER = {"pendingupload": 0, "downloading": 1, "queued": 1, "inprogress": 2, "ready": 3, "error": 3}
METADATA = {"name", "maxDurationSeconds", "expiry", "requiresignedurls", "videoId"}


@dataclass
class Stored:
    """One video there."""

    uid: str
    size: int | None
    max_duration: int
    expires_at: datetime
    creator: str | None
    meta: dict[str, str]
    form: bool
    data: bytearray = field(default_factory=bytearray)
    state: str = "pendingupload"
    percent: str = ""
    code: str = ""
    text: str = ""
    playable: bool = False
    private: bool = False
    changes: int = 0

    @property
    def held(self) -> int:
        """How many bytes are there."""
        return len(self.data)


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeCloudflare:
    """`refusals` are answered before anything is done: (status, headers, body), the first first.

    `lists_pending`: whether a list shows videos that wait for their bytes; the documentation does not say.
    `forgets_privacy`: what was ordered private is public, as after a misspelt key; `keeps_public`: and stays so.
    """

    url: str = ""
    location_host: str | None = None
    old_spelling: bool = False
    lists_pending: bool = True
    forgets_privacy: bool = False
    keeps_public: bool = False
    videos: dict[str, Stored] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    hook: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        base = "/client/v4/accounts/{account}/stream"
        self.app = Starlette(
            routes=[
                Route(base, self._create, methods=["POST"]),
                Route(base, self._list, methods=["GET"]),
                Route(f"{base}/direct_upload", self._direct, methods=["POST"]),
                Route(f"{base}/webhook", self._webhook, methods=["PUT", "GET"]),
                Route(f"{base}/keys", self._key, methods=["POST"]),
                Route(f"{base}/{{uid}}", self._video, methods=["GET", "POST", "DELETE"]),
                Route("/tus/{uid}", self._tus, methods=["HEAD", "PATCH"]),
                Route("/{uid}", self._form, methods=["POST"]),
            ]
        )

    @property
    def api(self) -> str:
        """What the API's address is here."""
        return f"{self.url}/client/v4"

    @contextmanager
    def running(self) -> Iterator["FakeCloudflare"]:
        """On a port of its own."""
        with served(self.app) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    def move(self, uid: str, state: str, percent: str = "", code: str = "", text: str = "") -> None:
        """What their encoder does. It never goes back, and what is ready or failed stays so."""
        video = self.videos[uid]
        assert state == video.state or ORDER.get(state, 2) > ORDER[video.state], f"no way from {video.state} to {state}"
        video.state, video.percent, video.code, video.text = state, percent, code, text
        video.playable = state == "ready"
        video.changes += 1

    def shown(self, uid: str) -> dict[str, Any]:
        """The video as GET gives it, and as the webhook's body."""
        video = self.videos[uid]
        spelling = "errReason" if self.old_spelling else "errorReason"
        known = video.playable
        home = f"https://customer-m033z5x00ks6nunl.cloudflarestream.com/{uid}"
        status = {"state": video.state, f"{spelling}Code": video.code, f"{spelling}Text": video.text}
        if video.percent:
            status["pctComplete"] = video.percent
        shown: dict[str, Any] = {
            "uid": uid,
            "creator": video.creator,
            "readyToStream": known,
            "status": status,
            "meta": video.meta,
            "created": "2026-11-22T10:00:00.000000Z",
            "modified": f"2026-11-22T10:00:{video.changes:02}.000000Z",
            "duration": 5.5 if known else -1,
            "input": {"width": 560, "height": 320} if known else {"width": -1, "height": -1},
            "playback": {"hls": f"{home}/manifest/video.m3u8", "dash": f"{home}/manifest/video.mpd"},
            "size": video.size or 0,
            "uploaded": "2026-11-22T10:00:00.000000Z",
            "uploadExpiry": video.expires_at.isoformat(),
            "maxSizeBytes": None,
            "maxDurationSeconds": video.max_duration,
            "requireSignedURLs": video.private,
            "allowedOrigins": [],
        }
        if known:
            shown |= {"thumbnail": f"{home}/thumbnails/thumbnail.jpg", "preview": f"{home}/watch"}
        return shown

    def news(self, uid: str, secret: str, moment: datetime | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and body of a webhook about this video."""
        body = json.dumps(self.shown(uid)).encode()
        time = int((moment or datetime.now(UTC)).timestamp())
        made = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Webhook-Signature": f"time={time},sig1={made}"}, body

    async def _before(self, request: Request) -> Response | None:
        body = await request.body()
        path, query = request.url.path, request.url.query
        self.asked.append(Asked(request.method, path, query, dict(request.headers), body))
        if self.refusals:
            status, headers, said = self.refusals.pop(0)
            return Response(said, status, headers)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(403, 10000, "Authentication error")
        if request.path_params["account"] != ACCOUNT:
            return refusal(403, 10001, "Not authorized for that account")
        return None

    async def _create(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        length = request.headers.get("upload-length", "")
        if request.headers.get("tus-resumable") != "1.0.0" or not length.isdigit() or int(length) == 0:
            return refusal(400, 10005, "Bad Request: tus headers")
        meta = _metadata(request.headers.get("upload-metadata", ""))
        if meta is None or not set(meta) <= METADATA:
            return refusal(400, 10005, "Bad Request: Upload-Metadata")
        video = self._add(meta.pop("expiry", None), meta.pop("maxDurationSeconds", ""), int(length), meta, form=False)
        if isinstance(video, Response):
            return video
        video.private = meta.pop("requiresignedurls", None) is not None and not self.forgets_privacy
        video.creator = request.headers.get("upload-creator")
        host = self.location_host or self.url
        if request.query_params.get("direct_user") != "true":
            host = "https://edge-production.gateway.api.cloudflare.com"
        location = f"{host}/tus/{video.uid}?tusv2=true"
        headers = {"Location": location, "stream-media-id": video.uid, "Tus-Resumable": "1.0.0"}
        return Response(status_code=201, headers=headers)

    async def _list(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        wanted = request.query_params.get("id", "").split(",")
        if len(wanted) > 1000:
            return refusal(400, 10005, "Bad Request: id")
        found = [self.videos[uid] for uid in wanted if uid in self.videos]
        return envelope([self.shown(one.uid) for one in found if self.lists_pending or one.state != "pendingupload"])

    async def _direct(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        asked = json.loads(await request.body())
        meta = asked.get("meta", {})
        video = self._add(asked.get("expiry"), str(asked.get("maxDurationSeconds", "")), None, meta, form=True)
        if isinstance(video, Response):
            return video
        video.creator = asked.get("creator")
        video.private = asked.get("requireSignedURLs") is True and not self.forgets_privacy
        return envelope({"uid": video.uid, "uploadURL": f"{self.url}/{video.uid}"})

    def _add(
        self, expiry: str | None, longest: str, size: int | None, meta: dict[str, str], *, form: bool
    ) -> Stored | Response:
        moment = datetime.now(UTC)
        expires_at = datetime.fromisoformat(expiry) if expiry else moment + timedelta(minutes=30)
        if not timedelta(minutes=2) <= expires_at - moment <= timedelta(hours=6):
            return refusal(400, 10005, "Bad Request: expiry")
        if not longest.isdigit() or not 1 <= int(longest) <= 21600:
            return refusal(400, 10005, "Bad Request: maxDurationSeconds")
        if (size or 0) > LARGEST:
            return refusal(413, 10011, "Payload Too Large")
        if sum(one.state in {"queued", "inprogress"} for one in self.videos.values()) >= MOST_QUEUED:
            return refusal(429, 10012, "Too many videos queued or encoding")
        video = Stored(uuid4().hex, size, int(longest), expires_at, None, meta, form)
        self.videos[video.uid] = video
        return video

    async def _video(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        uid = request.path_params["uid"]
        if uid not in self.videos:
            return refusal(404, 10003, "Not Found: video")
        if request.method == "DELETE":
            del self.videos[uid]
            return Response(status_code=200)
        if request.method == "POST":
            asked = json.loads(await request.body())
            self.videos[uid].private = asked["requireSignedURLs"] and not self.keeps_public
        return envelope(self.shown(uid))

    async def _key(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        made = {"id": uuid4().hex, "pem": A_KEY, "jwk": "e30=", "created": "2026-11-22T10:00:00.000000Z"}
        return envelope(made)

    async def _webhook(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        if request.method == "PUT":
            url = json.loads(await request.body())["notificationUrl"]
            if not url.startswith("https://") or "localhost" in url:
                return refusal(400, 10005, "Bad Request: notificationUrl")
            secret = f"secret-number-{next(self._numbers)}-of-this-account"
            self.hook = {"notificationUrl": url, "secret": secret, "modified": "2026-11-22T10:00:00.000000Z"}
        return envelope(self.hook) if self.hook else refusal(404, 10003, "Not Found: webhook")

    def _open(self, request: Request, *, form: bool) -> Stored | None:
        """The upload of this address, while it takes bytes; nobody's token belongs here."""
        assert "authorization" not in request.headers, "our token went to the upload host"
        video = self.videos.get(request.path_params["uid"])
        usable = video is not None and video.form == form and video.expires_at > datetime.now(UTC)
        return video if usable else None

    async def _tus(self, request: Request) -> Response:
        video = self._open(request, form=False)
        headers = {"Tus-Resumable": "1.0.0"}
        if video is None or video.size is None:
            return Response(status_code=404, headers=headers)
        if request.headers.get("tus-resumable") != "1.0.0":
            return Response(status_code=412, headers=headers)
        if request.method == "PATCH":
            if refused := _refused(video, request, len(await request.body())):
                return Response(status_code=refused, headers=headers)
            video.data += await request.body()
            if video.held == video.size:
                self.move(video.uid, "queued")
        headers |= {"Upload-Offset": str(video.held), "Upload-Length": str(video.size), "Cache-Control": "no-store"}
        return Response(status_code=204 if request.method == "PATCH" else 200, headers=headers)

    async def _form(self, request: Request) -> Response:
        video = self._open(request, form=True)
        if video is None or video.state != "pendingupload":
            return Response(status_code=404)
        body = await request.body()
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers.get("content-type", ""))
        if boundary is None or b'name="file"; filename="' not in body or len(body) > FORM_LIMIT:
            return Response(status_code=400)
        video.size = len(body)
        self.move(video.uid, "queued")
        return Response(status_code=200)


def envelope(result: object) -> Response:
    """Every answer of theirs."""
    return JSONResponse({"result": result, "success": True, "errors": [], "messages": []})


def refusal(status: int, code: int, message: str) -> Response:
    """Every refusal of theirs."""
    errors = [{"code": code, "message": message}]
    return JSONResponse({"result": None, "success": False, "errors": errors, "messages": []}, status)


def _metadata(header: str) -> dict[str, str] | None:
    """The pairs; None where the header is malformed."""
    pairs: dict[str, str] = {}
    for pair in header.split(","):
        key, _, value = pair.partition(" ")
        try:
            pairs[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            return None
    return pairs


def _refused(video: Stored, request: Request, length: int) -> int:
    """The status of a PATCH that breaks a rule, or 0."""
    size = video.size or 0
    if request.headers.get("content-type") != "application/offset+octet-stream":
        return 415
    if request.headers.get("upload-offset") != str(video.held):
        return 409
    if video.held + length > size or length > MAX:
        return 413
    last = video.held + length == size
    return 0 if last or (length >= MIN and length % MULTIPLE == 0) else 400
