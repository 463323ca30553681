"""The provider itself: gives leave to upload into this computer's data folder, and deletes what came of it."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from uploader import media
from uploader.backend import seed_events
from uploader.backend.config import Config
from uploader.backend.jobs import Handler
from uploader.backend.loopback import LOOPBACK
from uploader.backend.providers.base import Addresses, Grant, Order, Sight
from uploader.backend.providers.local.files import Files
from uploader.backend.providers.local.playback import MASTER, POSTER, Playback
from uploader.backend.providers.local.signature import Signer
from uploader.backend.providers.local.sweep import KIND, Sweeper
from uploader.backend.providers.local.transcode import Transcoder
from uploader.backend.providers.local.tus import Tus
from uploader.backend.providers.local.uploads import LIFE, NAME, Uploads
from uploader.backend.providers.local.watch import Watch
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import WEBHOOK, News, deliverer
from uploader.wire import ChunkRules

CHUNK = ChunkRules(min=1, max=None, multiple=1, default=64 << 20)  # large: what arrived of a broken chunk is kept
CHECKED = ChunkRules(min=1, max=64 << 20, multiple=1, default=4 << 20, checksum="sha1")  # a broken one is lost whole


class LocalProvider:
    """Uploads land in data/uploads/<upload id> and stay there, as originals; players get data/media/<video id>."""

    name = NAME
    protocols: tuple[str, ...] = ("tus",)
    look_every: float | None = None
    most_together = 1
    later_heights: tuple[int, ...] = ()
    signature_header = seed_events.HEADER

    def __init__(
        self, config: Config, base_url: str, database: Database, *, hls: Callable[..., media.HlsResult] = media.hls
    ) -> None:
        self.files = Files(config.data / "uploads", reserve=config.disk_reserve)
        self.media = config.data / "media"
        self.media.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.uploads = Uploads(database, now)
        self.sweeper = Sweeper(database, self.uploads, self.files, self.media, now)
        signer = Signer(config.app_key) if config.signed_playback else None
        self._config = config
        self._base_url = base_url
        self._database = database
        self._hls = hls
        self._tus = Tus(self.uploads, self.files, max_bytes=config.max_bytes)
        self._playback = Playback(self.media, base_url, signer, now)
        self._watch = Watch(database, self._playback, base_url, signer, now)

    def grant(self, order: Order) -> Grant:
        """A random address, dead once the upload is complete or cancelled. Raises errors.DiskFull."""
        upload_id = order.held.upload_id if order.held else token_hex(16)
        self.files.require_room(order.file_size - self.files.offset(upload_id))
        return Grant(upload_id, f"{self._base_url}/files/{upload_id}", "tus", _chunks(self._base_url), now() + LIFE)

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        """Nothing to ask: a webhook tells."""
        return None

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """As `look`: nothing."""
        return {}

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """The seed's events, as our own jobs send them. They name no time: what came before is known by its id."""
        del now
        secrets = (self._config.webhook_secret, *self._config.former_webhook_secrets)
        return seed_events.hear(secrets, signature, body)

    def forget(self, upload_id: str) -> None:
        """Delete the original, and everything made of it."""
        upload = self.uploads.find(upload_id)
        self.files.remove(upload_id)
        if upload is None:  # the row went first, and with it the video's id
            self.sweeper.forgotten_media()
        else:
            shutil.rmtree(self.media / upload.video_id, ignore_errors=True)

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        """On today's base URL: the port of an embedded server may have changed since the webhook came."""
        return Addresses(*self._media_urls(video_id), self._watch.url(video_id))

    def routes(self) -> list[BaseRoute]:
        """tus at /files, playback at /media, pages at /watch."""
        return [*self._tus.routes(), *self._playback.routes(), *self._watch.routes()]

    def handlers(self) -> dict[str, Handler]:
        """What is done after the last byte, and a sweep that begins now."""
        self.sweeper.plan(now())
        config = self._config
        webhook_url = config.webhook_url or f"{self._base_url}{WEBHOOK}"
        return {
            "transcode": Transcoder(
                self._database, self.uploads, self.files, self.media, config.max_duration, self._media_urls, self._hls
            ),
            "deliver_webhook": deliverer(webhook_url, config.webhook_secret, now),
            KIND: self.sweeper,
        }

    def stop(self) -> None:
        """Have uploads under way let go; what came is kept."""
        self._tus.stop()

    def original(self, upload_id: str) -> Path:
        """The file as it was sent, byte by byte."""
        return self.files.path(upload_id)

    def _media_urls(self, video_id: str) -> tuple[str, str]:
        return self._playback.url(video_id, MASTER), self._playback.url(video_id, POSTER)


def _chunks(base_url: str) -> ChunkRules:
    """Where bytes cross a network in the clear, pieces have checksums; elsewhere TLS, or no network, protects them."""
    address = urlsplit(base_url)
    return CHECKED if address.scheme == "http" and address.hostname not in LOOPBACK else CHUNK
