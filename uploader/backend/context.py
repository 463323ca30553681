"""What every request needs, built once by the server and handed on by argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from uploader.backend.config import Config
from uploader.backend.observer import Observer
from uploader.backend.providers.base import Addresses
from uploader.backend.store.database import Database
from uploader.backend.store.models import Video
from uploader.backend.streams import Streams

if TYPE_CHECKING:
    from uploader.backend.accounts.issuer import Issuer
    from uploader.backend.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Backend:
    """The server's parts. `base_url` is where people reach it, without a slash at the end."""

    config: Config
    database: Database
    providers: "Mapping[str, Provider]"
    clock: Callable[[], datetime]
    base_url: str
    issuer: "Issuer | None" = None
    """Who keeps the accounts, where this server does not."""

    streams: Streams = field(default_factory=Streams)
    observer: Observer = field(default_factory=Observer)

    @property
    def provider(self) -> "Provider":
        """Who takes new uploads. A stored video keeps the provider it came by."""
        return self.providers[self.config.provider]

    def addresses(self, video: Video) -> Addresses:
        """Where a ready video is found: as its own provider says, or as it last said if it is configured no more."""
        provider = self.providers.get(video.provider)
        if provider is None:
            told = (None, None) if video.signed else (video.playback_url, video.thumbnail_url)
            return Addresses(*told, None)
        return provider.addresses(video.id, video.playback_url, video.thumbnail_url, signed=video.signed)


def the_backend(request: Request) -> Backend:
    """The parts of the server that this request came to."""
    backend: Backend = request.app.state.backend
    return backend


async def _on_the_loop(request: Request) -> Backend:
    return the_backend(request)  # a plain dependency would cost a thread's turn


TheBackend = Annotated[Backend, Depends(_on_the_loop)]
