"""What every provider does for us: gives leave to upload, says how a video is, forgets it.

A provider is one file (or folder) and one line in `uploader.backend.providers.PROVIDERS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from starlette.routing import BaseRoute

from uploader.backend.jobs import Handler
from uploader.backend.videos import Sight
from uploader.wire import ChunkRules

__all__ = ["Addresses", "Grant", "Order", "Provider", "ProviderFailed", "Sight"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is about to be uploaded. `video_id` is ours; sizes in bytes, durations in seconds."""

    video_id: str
    user_id: str
    filename: str
    file_size: int
    mime_type: str
    max_duration: int
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to upload. `upload_url` is a capability: whoever has it may write; it is never logged."""

    upload_id: str
    upload_url: str
    protocol: str
    chunk: ChunkRules
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a video is found now: on the name this server has today, signed anew where playback is signed."""

    playback_url: str | None
    thumbnail_url: str | None
    watch_url: str | None


class Provider(Protocol):
    """The small interface. Calls may take seconds: never inside a transaction. They raise `ProviderFailed`."""

    name: str
    protocols: tuple[str, ...]

    def grant(self, order: Order) -> Grant:
        """Make room for one upload. Calling again for the same order gives another address to the same upload."""

    def look(self, upload_id: str) -> Sight | None:
        """How the video is now; None where this provider tells by itself (webhooks) and needs no asking."""

    def forget(self, upload_id: str) -> None:
        """Delete the upload and everything made of it. Not an error if it is gone."""

    def addresses(self, video_id: str, playback_url: str | None, thumbnail_url: str | None) -> Addresses:
        """The addresses to hand out for a ready video; the two given are those its webhook brought."""

    def routes(self) -> Sequence[BaseRoute]:
        """Addresses that are answered in this process; none for a provider elsewhere."""

    def handlers(self) -> Mapping[str, Handler]:
        """The kinds of job that come with this provider, and who does them; each kind gets a worker."""

    def stop(self) -> None:
        """The server is about to end: let streams go. Called on the event loop; must not block."""


class ProviderFailed(Exception):
    """The provider did not do it. `retry_after` in seconds where it named one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
