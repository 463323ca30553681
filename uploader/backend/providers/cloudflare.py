"""Cloudflare Stream: bytes go straight there over tus, its word comes back by webhook or when it is asked."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.routing import BaseRoute

from uploader.backend.config import Config
from uploader.backend.jobs import Handler
from uploader.backend.provider_config import CloudflareConfig
from uploader.backend.providers.base import Addresses, Grant, Order, ProviderFailed, Sight
from uploader.backend.providers.calls import PAUSE, Api
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import Forged, News, NotAnEvent, verify_timed
from uploader.errors import MediaFailed, NotAVideo, ProcessingFailed, TooLong
from uploader.wire import ChunkRules

API = "https://api.cloudflare.com/client/v4"
LIFE = timedelta(hours=5, minutes=50)
"""Below the six hours that Cloudflare once named as the most; its answer does not say what it took."""

FRESH = timedelta(minutes=5)
"""An address that lives no longer than this is not handed out again."""

LONGEST = 21600
CHUNK = ChunkRules(min=5 << 20, max=200 << 20, multiple=256 << 10, default=50 << 20)
BASIC_LIMIT = 190_000_000
"""Cloudflare's 200 MB may be decimal or binary: stay clear of both."""

FAILURES = {
    "ERR_NON_VIDEO": NotAVideo.code,
    "ERR_MALFORMED_VIDEO": MediaFailed.code,
    "ERR_DURATION_EXCEED_CONSTRAINT": TooLong.code,
    "ERR_DURATION_TOO_SHORT": "video_too_short",
}
STAGES = {"downloading": "queued", "queued": "queued", "inprogress": "transcoding", "ready": "transcoding"}
GONE = Sight("error", error="The provider no longer has this video.", error_code="video_gone")


class _Told(BaseModel):
    """What Cloudflare says: camelCase, and more than we read."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)


class _Status(_Told):
    state: str | None = None
    pct_complete: str | float | None = None
    error_reason_code: str | None = None
    error_reason_text: str | None = None
    err_reason_code: str | None = None
    err_reason_text: str | None = None


class _Input(_Told):
    width: int | None = None
    height: int | None = None


class _Playback(_Told):
    hls: str | None = None


class _Video(_Told):
    uid: str = Field(min_length=1, max_length=255)
    ready_to_stream: bool = False
    status: _Status = _Status()
    duration: float | None = None
    input: _Input | None = None
    playback: _Playback | None = None
    thumbnail: str | None = None
    modified: str | None = None


class _Envelope(_Told):
    success: bool


class _VideoReply(_Envelope):
    result: _Video


class _ListReply(_Envelope):
    result: tuple[_Video, ...]


class _DirectUpload(_Told):
    uid: str
    upload_url: str = Field(alias="uploadURL")


class _DirectUploadReply(_Envelope):
    result: _DirectUpload


class _Hook(_Told):
    secret: str


class _HookReply(_Envelope):
    result: _Hook


class CloudflareProvider:
    """One account. `api` is where its API answers."""

    name = "cloudflare"
    look_every: float | None = 10
    most_together = 50
    signature_header = "webhook-signature"

    def __init__(
        self, config: CloudflareConfig, *, api: str = API, clock: Callable[[], datetime] = now, pause: float = PAUSE
    ) -> None:
        self.protocols: tuple[str, ...] = ("tus", "form") if config.basic_upload else ("tus",)
        self._config = config
        self._clock = clock
        credentials = {"Authorization": f"Bearer {config.api_token}"}
        self._api = Api("Cloudflare", f"{api}/accounts/{config.account_id}/stream", credentials, _explain, pause)

    def grant(self, order: Order) -> Grant:
        """A tus address that needs no credentials; a form address for small files where the operator wants that."""
        asked = self._clock().replace(microsecond=0)
        basic = self._config.basic_upload and order.file_size <= BASIC_LIMIT
        protocol, chunk = ("form", ChunkRules(default=order.file_size)) if basic else ("tus", CHUNK)
        if order.held is not None and order.held.expires_at > asked + FRESH:
            return Grant(order.held.upload_id, order.held.upload_url, protocol, chunk, order.held.expires_at)
        make = self._form if basic else self._tus
        upload_id, upload_url = make(order, asked + LIFE)
        return Grant(upload_id, upload_url, protocol, chunk, asked + LIFE)

    def _tus(self, order: Order, expires_at: datetime) -> tuple[str, str]:
        metadata = {
            "name": order.filename,
            "videoId": order.video_id,
            "maxDurationSeconds": str(min(order.max_duration, LONGEST)),
            "expiry": _rfc3339(expires_at),
        }
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(order.file_size),
            "Upload-Creator": order.user_id,
            "Upload-Metadata": tus_metadata(metadata),
        }
        reply = self._api.call("POST", "", params={"direct_user": "true"}, headers=headers)
        upload_id, location = reply.headers.get("stream-media-id"), reply.headers.get("location")
        if not upload_id or not location:
            raise ProviderFailed("Cloudflare made an upload and did not say where")
        return upload_id, self._open_address(location)

    def _form(self, order: Order, expires_at: datetime) -> tuple[str, str]:
        asked = {
            "maxDurationSeconds": min(order.max_duration, LONGEST),
            "expiry": _rfc3339(expires_at),
            "creator": order.user_id,
            "meta": {"name": order.filename, "videoId": order.video_id},
        }
        reply = self._api.call("POST", "/direct_upload", json=asked)
        made = self._api.read(_DirectUploadReply, reply).result
        return made.uid, self._open_address(made.upload_url)

    def _open_address(self, address: str) -> str:
        """The address, if one may upload there without our token. Kept as it is, with its query."""
        parts = urlsplit(address)
        labels = set((parts.hostname or "").split("."))
        secure = parts.scheme == urlsplit(self._api.url).scheme
        if not secure or not parts.hostname or labels & {"api", "gateway"} or parts.path.startswith("/client/"):
            raise ProviderFailed("Cloudflare gave an address that would need our own credentials")
        return address

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        """One call."""
        try:
            reply = self._api.call("GET", f"/{upload_id}")
        except ProviderFailed as error:
            if error.status == 404:
                return GONE
            raise
        return _sight(self._api.read(_VideoReply, reply).result)

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """One call for all. Whether it lists videos that still wait for their bytes is not documented."""
        reply = self._api.call("GET", "", params={"id": ",".join(upload_ids)})
        return {video.uid: _sight(video) for video in self._api.read(_ListReply, reply).result}

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """The body is the video itself; it has no event id, so the same state told twice is one event."""
        keys = {"time_key": "time", "signature_key": "sig1"}
        if not verify_timed(self._config.webhook_secrets, body, signature, now, **keys):
            raise Forged
        try:
            video = _Video.model_validate_json(body)
        except ValidationError as error:
            raise NotAnEvent from error
        said = f"{video.uid}|{video.status.state}|{video.ready_to_stream}|{video.modified}"
        return News(hashlib.sha256(said.encode()).hexdigest(), _sight(video), upload_id=video.uid)

    def forget(self, upload_id: str) -> None:
        """Ends an upload as well: what it reserved of the account's storage is free again."""
        try:
            self._api.call("DELETE", f"/{upload_id}")
        except ProviderFailed as error:
            if error.status != 404:
                raise

    def register_webhook(self, url: str) -> str:
        """Have news sent to `url`; there is one such address an account. The secret that will sign them."""
        reply = self._api.call("PUT", "/webhook", json={"notificationUrl": url})
        return self._api.read(_HookReply, reply).result.secret

    def addresses(self, video_id: str, playback_url: str | None, thumbnail_url: str | None) -> Addresses:
        """As Cloudflare named them, on the operator's own subdomain where one is configured."""
        playback, thumbnail = self._own_host(playback_url), self._own_host(thumbnail_url)
        base, found, _ = (playback or "").partition("/manifest/")
        return Addresses(playback, thumbnail, f"{base}/watch" if found else None)

    def _own_host(self, url: str | None) -> str | None:
        if url is None or self._config.customer_host is None:
            return url
        return urlsplit(url)._replace(netloc=self._config.customer_host).geturl()

    def routes(self) -> Sequence[BaseRoute]:
        """None: everything happens there."""
        return ()

    def handlers(self) -> Mapping[str, Handler]:
        """None."""
        return {}

    def stop(self) -> None:
        """Nothing is open between two calls."""


def make(config: Config, _base_url: str, _database: Database) -> CloudflareProvider | None:
    """The provider, if the operator gave it an account."""
    return None if config.cloudflare is None else CloudflareProvider(config.cloudflare)


def tus_metadata(values: Mapping[str, str]) -> str:
    """The Upload-Metadata header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _explain(body: object) -> str:
    """The codes and messages of the envelope."""
    errors: Any = body.get("errors") if isinstance(body, dict) else None
    told = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    return "; ".join(f"{one.get('code')}: {one.get('message')}" for one in told)


def _sight(video: _Video) -> Sight:
    """Their words in ours: playable is `ready`, even while more qualities are made; -1 means not known."""
    state = video.status.state
    if state == "ready" and video.ready_to_stream:
        size = video.input or _Input()
        return Sight(
            "ready",
            playback_url=video.playback.hls if video.playback else None,
            thumbnail_url=video.thumbnail,
            duration=video.duration if video.duration is not None and video.duration >= 0 else None,
            width=_known(size.width),
            height=_known(size.height),
            complete=_percent(video.status.pct_complete) in {None, 100.0},
        )
    if state == "error":
        code = video.status.error_reason_code or video.status.err_reason_code or ""
        text = video.status.error_reason_text or video.status.err_reason_text
        return Sight("error", error=text or None, error_code=FAILURES.get(code, ProcessingFailed.code))
    if state in {None, "pendingupload"}:
        return Sight("uploading")
    return Sight("processing", stage=STAGES.get(state or "", "queued"), percent=_percent(video.status.pct_complete))


def _known(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


def _percent(value: str | float | None) -> float | None:
    try:
        number = float(value or "nan")
    except ValueError:
        return None
    return number if 0 <= number <= 100 else None
