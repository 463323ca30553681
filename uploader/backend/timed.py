"""A provider whose calls are timed, for a server that shows figures; to everybody else it is the provider."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from starlette.routing import BaseRoute

from uploader.backend.jobs import Handler
from uploader.backend.observer import Answer, Observer
from uploader.backend.providers.base import Addresses, Grant, News, Order, Provider, ProviderFailed, Sight
from uploader.errors import DiskFull


class Timed:
    """Tells `observer` of each call that may go over the network, and what came of it."""

    def __init__(self, provider: Provider, observer: Observer) -> None:
        self.name = provider.name
        self.protocols = provider.protocols
        self.look_every = provider.look_every
        self.most_together = provider.most_together
        self.later_heights = provider.later_heights
        self.signature_header = provider.signature_header
        self._provider = provider
        self._observer = observer

    def grant(self, order: Order) -> Grant:
        """Timed."""
        with self._timed("grant"):
            return self._provider.grant(order)

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        """Timed."""
        with self._timed("look"):
            return self._provider.look(upload_id, asset_id)

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """Timed."""
        with self._timed("look_together"):
            return self._provider.look_together(upload_ids)

    def forget(self, upload_id: str) -> None:
        """Timed."""
        with self._timed("forget"):
            self._provider.forget(upload_id)

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """As it is: nobody is called."""
        return self._provider.hear(signature, body, now)

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        """As they are."""
        return self._provider.addresses(video_id, playback_url, thumbnail_url, signed=signed)

    def routes(self) -> Sequence[BaseRoute]:
        """As they are."""
        return self._provider.routes()

    def handlers(self) -> Mapping[str, Handler]:
        """As they are."""
        return self._provider.handlers()

    def stop(self) -> None:
        """As it is."""
        self._provider.stop()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = time.perf_counter()
        answer: Answer = "broken"
        try:
            yield
            answer = "ok"
        except ProviderFailed as error:
            answer = "unavailable" if error.passing else "refused"
            raise
        except DiskFull:
            answer = "unavailable"
            raise
        finally:
            self._observer.called(self.name, operation, answer, time.perf_counter() - began)
