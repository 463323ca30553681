"""A provider without disk or video: grants addresses, remembers what it was asked, fails when told to."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from starlette.routing import BaseRoute

from uploader.backend import seed_events
from uploader.backend.config import Config
from uploader.backend.jobs import Handler
from uploader.backend.providers.base import Addresses, Grant, Order, Sight
from uploader.backend.store.database import Database
from uploader.backend.store.models import now
from uploader.backend.webhooks import News
from uploader.wire import ChunkRules


class FakeProvider:
    """Grants the same upload for the same order under a new address each time."""

    name = "local"
    protocols: tuple[str, ...] = ("tus",)
    look_every: float | None = None
    most_together = 1
    later_heights: tuple[int, ...] = ()
    signature_header = seed_events.HEADER

    def __init__(self, config: Config, base_url: str, _database: Database) -> None:
        self.config = config
        self.base_url = base_url
        self.orders: list[Order] = []
        self.forgotten: list[str] = []
        self.failure: Exception | None = None
        self.sight: Sight | None = None
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self._numbers = count(1)

    def grant(self, order: Order) -> Grant:
        self.orders.append(order)
        self.asked.set()
        assert self.open.wait(60), "nobody let the provider answer"
        if self.failure is not None:
            raise self.failure
        url = f"{self.base_url}/files/{order.video_id.replace('-', '')}?n={next(self._numbers)}"
        return Grant(f"upload-of-{order.video_id}", url, "tus", ChunkRules(default=1), now() + timedelta(hours=1))

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        return self.sight

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        return {}

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        return seed_events.hear([self.config.webhook_secret], signature, body)

    def forget(self, upload_id: str) -> None:
        self.forgotten.append(upload_id)

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        return Addresses(playback_url, thumbnail_url, f"{self.base_url}/watch/{video_id}")

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def handlers(self) -> Mapping[str, Handler]:
        return {}

    def stop(self) -> None:
        pass
