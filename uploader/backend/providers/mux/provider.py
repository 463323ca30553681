"""Mux Video: bytes go straight there in ranges; an upload becomes an asset, and the asset has playback ids."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ValidationError
from starlette.routing import BaseRoute

from uploader.backend.config import Config
from uploader.backend.jobs import Handler
from uploader.backend.provider_config import MuxConfig
from uploader.backend.providers.base import CONFIRMING, NOT_PRIVATE, Addresses, Grant, Order, ProviderFailed, Sight
from uploader.backend.providers.calls import PAUSE, Api
from uploader.backend.providers.mux.said import (
    Asset,
    AssetEvent,
    AssetReply,
    Event,
    Progress,
    Settings,
    Track,
    Upload,
    UploadEvent,
    UploadReply,
)
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import Forged, News, NotAnEvent, verify_timed
from uploader.errors import ProcessingFailed, TooLong, UploadExpired
from uploader.wire import ChunkRules

PLAYER = "https://player.mux.com"
LIFE = timedelta(days=7)
"""The most that Mux allows: a queue may be long, and a laptop shut over the weekend."""

FRESH = timedelta(hours=1)
"""An address that lives no longer than this is not handed out again."""

CHUNK = ChunkRules(min=256 << 10, max=64 << 20, multiple=256 << 10, default=8 << 20)
GONE = Sight("error", error="The provider no longer has this video.", error_code="video_gone")


class MuxProvider:
    """One environment. `max_duration` in seconds; `origin`: from where browsers upload; `signed`: new videos play by
    a token only.
    """

    name = "mux"
    protocols: tuple[str, ...] = ("content_range",)
    look_every: float | None = 10
    most_together = 1
    later_heights: tuple[int, ...] = ()
    signature_header = "mux-signature"

    def __init__(
        self,
        config: MuxConfig,
        max_duration: int,
        origin: str = "*",
        *,
        signed: bool = False,
        clock: Callable[[], datetime] = now,
        pause: float = PAUSE,
    ) -> None:
        self._config = config
        self._policy = "signed" if signed else "public"
        self._max_duration = max_duration
        self._origin = origin
        self._clock = clock
        both = f"{config.token_id}:{config.token_secret}".encode()
        self._api = Api(
            "Mux", config.api, {"Authorization": f"Basic {base64.b64encode(both).decode()}"}, _explain, pause
        )

    def grant(self, order: Order) -> Grant:
        """An address that takes the file in ranges. Its id is the upload's, not yet the asset's."""
        asked = self._clock().replace(microsecond=0)
        if order.held is not None and order.held.expires_at > asked + FRESH:
            held = order.held
            return Grant(held.upload_id, held.upload_url, "content_range", CHUNK, held.expires_at)
        wanted = {
            "cors_origin": self._origin,
            "timeout": int(LIFE.total_seconds()),
            "new_asset_settings": {
                "playback_policies": [self._policy],
                "video_quality": self._config.video_quality,
                "static_renditions": [{"resolution": "highest"}],
                "passthrough": order.video_id,
            },
        }
        made = self._api.read(UploadReply, self._api.call("POST", "/video/v1/uploads", json=wanted)).data
        if not made.url or urlsplit(made.url).scheme != urlsplit(self._api.url).scheme:
            raise ProviderFailed("Mux made an upload and gave no address that can be used")
        return Grant(made.id, made.url, "content_range", CHUNK, asked + LIFE)

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        """One call: the upload, until it says which asset it has become, then the asset."""
        if asset_id is None:
            upload = self._upload(upload_id)
            return GONE if upload is None else _of_upload(upload)
        asset = self._asset(asset_id)
        return GONE if asset is None else self._of_asset(asset)

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """Mux has no call for several that are named: its lists go through everything there is."""
        sights = {upload_id: self.look(upload_id) for upload_id in upload_ids}
        return {upload_id: sight for upload_id, sight in sights.items() if sight is not None}

    def _upload(self, upload_id: str) -> Upload | None:
        reply = self._unless_gone("GET", f"/video/v1/uploads/{upload_id}")
        return reply and self._api.read(UploadReply, reply).data

    def _asset(self, asset_id: str) -> Asset | None:
        reply = self._unless_gone("GET", f"/video/v1/assets/{asset_id}")
        return reply and self._api.read(AssetReply, reply).data

    def _unless_gone(self, method: str, path: str) -> Any:  # noqa: ANN401 (a reply of the library behind `calls`)
        try:
            return self._api.call(method, path)
        except ProviderFailed as error:
            if error.status == 404:
                return None
            raise

    def forget(self, upload_id: str) -> None:
        """Cancels an upload that waits; deletes the asset of one that came."""
        upload = self._upload(upload_id)
        if upload is not None and upload.status == "waiting" and not self._cancel(upload_id):
            upload = self._upload(upload_id)
        if upload is not None and upload.asset_id is not None:
            self._unless_gone("DELETE", f"/video/v1/assets/{upload.asset_id}")

    def _cancel(self, upload_id: str) -> bool:
        """False: it waits no longer, for it has become an asset meanwhile."""
        try:
            self._unless_gone("PUT", f"/video/v1/uploads/{upload_id}/cancel")
        except ProviderFailed as error:
            if error.status == 403:
                return False
            raise
        return True

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """Events of uploads and assets, in any order. Everything else of the environment is taken and ignored."""
        if not verify_timed(self._config.webhook_secrets, body, signature, now, time_key="t", signature_key="v1"):
            raise Forged
        try:
            event = Event.model_validate_json(body)
            kind = event.type.removeprefix("video.")
            if kind in {"upload.asset_created", "upload.errored", "upload.cancelled"}:
                upload = UploadEvent.model_validate_json(body).data
                ours = (upload.new_asset_settings or Settings()).passthrough
                return News(event.id, _of_upload(upload), ours, upload.id)
            if kind in {"asset.created", "asset.ready", "asset.errored", "asset.updated", "asset.deleted"}:
                asset = AssetEvent.model_validate_json(body).data
                sight = GONE if kind == "asset.deleted" else self._of_asset(asset)
                ready = self._policy == "signed" and sight.state == "ready"
                shown = replace(CONFIRMING, asset_id=asset.id) if ready else sight
                return News(event.id, shown, asset.passthrough, asset.upload_id, confirm=ready)
        except ValidationError as error:
            raise NotAnEvent from error
        return News(event.id, None)

    def _of_asset(self, asset: Asset) -> Sight:
        """Their words in ours. Mux knows no longest duration: we look ourselves."""
        if asset.status == "errored":
            messages = " ".join(asset.errors.messages) if asset.errors else ""
            return _failed(messages, asset_id=asset.id)
        if asset.status != "ready":
            state = asset.progress or Progress()
            known = state.progress is not None and 0 <= state.progress <= 100
            stage: Literal["transcoding"] | None = "transcoding" if state.state == "transcoding" else None
            return Sight("processing", stage=stage, percent=state.progress if known else None, asset_id=asset.id)
        if asset.duration is not None and asset.duration > self._max_duration + 1:
            return Sight("error", error=TooLong.title, error_code=TooLong.code, asset_id=asset.id)
        ids = {one.policy: one.id for one in asset.playback_ids}
        if self._policy == "signed" and ids.keys() != {"signed"}:
            return replace(NOT_PRIVATE, asset_id=asset.id)
        policy = self._policy if self._policy in ids else "signed"  # it was ordered while that was so
        playback = ids.get(policy)
        track = next((one for one in asset.tracks if one.type == "video"), Track())
        return Sight(
            "ready",
            playback_url=playback and f"https://stream.mux.com/{playback}.m3u8",
            thumbnail_url=playback and f"https://image.mux.com/{playback}/thumbnail.jpg",
            duration=asset.duration,
            width=track.max_width if (track.max_width or 0) > 0 else None,
            height=track.max_height if (track.max_height or 0) > 0 else None,
            best_height=track.max_height if (track.max_height or 0) > 0 else None,
            asset_id=asset.id,
            playback_id=playback,
            signed=policy == "signed",
        )

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        """As they were told, with the player page that Mux has for each of them."""
        if playback_url is None:
            return Addresses(None, thumbnail_url, None)
        playback_id = PurePosixPath(urlsplit(playback_url).path).stem
        player = f"{PLAYER}/{playback_id}"
        if not signed:
            return Addresses(playback_url, thumbnail_url, player)
        key, moment = self._config.signing, self._clock()
        if key is None:
            return Addresses(None, None, None)
        video, picture = key.token(playback_id, moment, "v"), key.token(playback_id, moment, "t")
        return Addresses(
            f"{playback_url}?token={video}",
            thumbnail_url and f"{thumbnail_url}?token={picture}",
            f"{player}?playback-token={video}&thumbnail-token={picture}",
        )

    def routes(self) -> Sequence[BaseRoute]:
        """None: everything happens there."""
        return ()

    def handlers(self) -> Mapping[str, Handler]:
        """None."""
        return {}

    def stop(self) -> None:
        """Nothing is open between two calls, and one under way is waited for no longer."""
        self._api.stop()


def make(config: Config, _base_url: str, _database: Database) -> MuxProvider | None:
    """The provider, if the operator gave it an environment."""
    if config.mux is None:
        return None
    return MuxProvider(config.mux, config.max_duration, config.public_url or "*", signed=config.signed_playback)


def _explain(body: object) -> str:
    """The type and the messages of the error."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    messages = error.get("messages")
    return f"{error.get('type')}: {' '.join(map(str, messages)) if isinstance(messages, list) else ''}"


def _of_upload(upload: Upload) -> Sight:
    match upload.status:
        case "asset_created":
            return Sight("processing", asset_id=upload.asset_id)
        case "errored":
            return _failed((upload.error and upload.error.message) or "")
        case "cancelled":
            return Sight("cancelled")
        case "timed_out":
            return Sight("error", error=UploadExpired.title, error_code=UploadExpired.code)
        case _:
            return Sight("uploading")


def _failed(message: str, *, asset_id: str | None = None) -> Sight:
    return Sight("error", error=message or None, error_code=ProcessingFailed.code, asset_id=asset_id)
