"""Cloudflare Stream: bytes go straight there over tus, its word comes back by webhook or when it is asked."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from starlette.routing import BaseRoute

from uploader.backend.config import Config
from uploader.backend.jobs import Handler
from uploader.backend.provider_config import CloudflareConfig
from uploader.backend.providers.base import CONFIRMING, NOT_PRIVATE, Addresses, Grant, Order, ProviderFailed, Sight
from uploader.backend.providers.calls import PAUSE, Api
from uploader.backend.providers.cloudflare.said import (
    DirectUploadReply,
    Hook,
    HookReply,
    KeyReply,
    ListReply,
    Told,
    VideoReply,
    sight_of,
)
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import Forged, News, NotAnEvent, verify_timed
from uploader.wire import ChunkRules

LIFE = timedelta(hours=5, minutes=50)
"""Below the six hours that Cloudflare once named as the most; its answer does not say what it took."""

FRESH = timedelta(minutes=5)
"""An address that lives no longer than this is not handed out again."""

LONGEST = 21600
CHUNK = ChunkRules(min=5 << 20, max=200 << 20, multiple=256 << 10, default=50 << 20)
BASIC_LIMIT = 190_000_000
"""Cloudflare's 200 MB may be decimal or binary: stay clear of both."""

GONE = Sight("error", error="The provider no longer has this video.", error_code="video_gone")


class CloudflareProvider:
    """One account. `signed`: new videos play by a token only."""

    name = "cloudflare"
    look_every: float | None = 10
    most_together = 50
    later_heights: tuple[int, ...] = (360, 480, 720, 1080)
    signature_header = "webhook-signature"

    def __init__(
        self,
        config: CloudflareConfig,
        *,
        signed: bool = False,
        clock: Callable[[], datetime] = now,
        pause: float = PAUSE,
    ) -> None:
        self.protocols: tuple[str, ...] = ("tus", "form") if config.basic_upload else ("tus",)
        self._config = config
        self._signed = signed
        self._clock = clock
        credentials = {"Authorization": f"Bearer {config.api_token}"}
        self._api = Api("Cloudflare", f"{config.api}/accounts/{config.account_id}/stream", credentials, _explain, pause)

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
        metadata: dict[str, str | None] = {
            "name": order.filename,
            "videoId": order.video_id,
            "maxDurationSeconds": str(min(order.max_duration, LONGEST)),
            "expiry": _rfc3339(expires_at),
        }
        if self._signed:
            metadata["requiresignedurls"] = None  # a flag: any value would mean yes
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
        asked: dict[str, Any] = {
            "maxDurationSeconds": min(order.max_duration, LONGEST),
            "expiry": _rfc3339(expires_at),
            "creator": order.user_id,
            "meta": {"name": order.filename, "videoId": order.video_id},
        }
        if self._signed:
            asked["requireSignedURLs"] = True
        reply = self._api.call("POST", "/direct_upload", json=asked)
        made = self._api.read(DirectUploadReply, reply).result
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
        """One call; one more for a video that is not as private as it was ordered."""
        try:
            reply = self._api.call("GET", f"/{upload_id}")
        except ProviderFailed as error:
            if error.status == 404:
                return GONE
            raise
        sight = sight_of(self._api.read(VideoReply, reply).result)
        if self._public(sight):
            wanted = {"uid": upload_id, "requireSignedURLs": True}
            sight = sight_of(self._api.read(VideoReply, self._api.call("POST", f"/{upload_id}", json=wanted)).result)
        return NOT_PRIVATE if self._public(sight) else sight

    def _public(self, sight: Sight) -> bool:
        """Whether anybody could watch what was ordered to be private."""
        return self._signed and sight.state == "ready" and not sight.signed

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """One call for all. Whether it lists videos that still wait for their bytes is not documented."""
        reply = self._api.call("GET", "", params={"id": ",".join(upload_ids)})
        sights = {video.uid: sight_of(video) for video in self._api.read(ListReply, reply).result}
        return {upload_id: sight for upload_id, sight in sights.items() if not self._public(sight)}

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """The body is the video itself; it has no event id, so the same state told twice is one event."""
        keys = {"time_key": "time", "signature_key": "sig1"}
        if not verify_timed(self._config.webhook_secrets, body, signature, now, **keys):
            raise Forged
        try:
            video = Told.model_validate_json(body)
        except ValidationError as error:
            raise NotAnEvent from error
        said = f"{video.uid}|{video.status.state}|{video.ready_to_stream}|{video.modified}"
        sight = sight_of(video)
        news = News(hashlib.sha256(said.encode()).hexdigest(), sight, upload_id=video.uid)
        return replace(news, sight=CONFIRMING, confirm=True) if self._signed and sight.state == "ready" else news

    def forget(self, upload_id: str) -> None:
        """Ends an upload as well: what it reserved of the account's storage is free again."""
        try:
            self._api.call("DELETE", f"/{upload_id}")
        except ProviderFailed as error:
            if error.status != 404:
                raise

    def webhook(self) -> Hook | None:
        """Where the account's news are sent now, if anywhere."""
        try:
            return self._api.read(HookReply, self._api.call("GET", "/webhook")).result
        except ProviderFailed as error:
            if error.status == 404:
                return None
            raise

    def register_webhook(self, url: str) -> Hook:
        """Have news sent to `url`; there is one such address an account."""
        reply = self._api.call("PUT", "/webhook", json={"notificationUrl": url})
        made = self._api.read(HookReply, reply).result
        if made is None:
            raise ProviderFailed("Cloudflare took the webhook and did not say by which secret")
        return made

    def make_signing_key(self) -> tuple[str, str]:
        """A new key for signed playback: its id, and its private half as PEM in base64. It is not shown again."""
        made = self._api.read(KeyReply, self._api.call("POST", "/keys")).result
        return made.id, made.pem

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        """As Cloudflare named them, on the operator's own subdomain where one is configured."""
        playback, thumbnail = self._own_host(playback_url), self._own_host(thumbnail_url)
        if signed and playback is not None:
            if self._config.signing is None:
                return Addresses(None, None, None)
            uid = urlsplit(playback).path.split("/")[1]
            token = self._config.signing.token(uid, self._clock())
            playback, thumbnail = _by_token(playback, token), thumbnail and _by_token(thumbnail, token)
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
        """Nothing is open between two calls, and one under way is waited for no longer."""
        self._api.stop()


def make(config: Config, _base_url: str, _database: Database) -> CloudflareProvider | None:
    """The provider, if the operator gave it an account."""
    return None if config.cloudflare is None else CloudflareProvider(config.cloudflare, signed=config.signed_playback)


def tus_metadata(values: Mapping[str, str | None]) -> str:
    """The Upload-Metadata header; None is a flag, which has no value."""
    pairs = ((key, value and base64.b64encode(value.encode()).decode()) for key, value in values.items())
    return ",".join(key if value is None else f"{key} {value}" for key, value in pairs)


def _by_token(url: str, token: str) -> str:
    """The token takes the place of the video's id, which comes first in every path."""
    parts = urlsplit(url)
    _, _, rest = parts.path.removeprefix("/").partition("/")
    return parts._replace(path=f"/{token}/{rest}").geturl()


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _explain(body: object) -> str:
    """The codes and messages of the envelope."""
    errors: Any = body.get("errors") if isinstance(body, dict) else None
    told = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    return "; ".join(f"{one.get('code')}: {one.get('message')}" for one in told)
