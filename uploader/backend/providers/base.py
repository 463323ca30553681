"""What every provider does for us: gives leave to upload, says how a video is, hears its webhooks, forgets it.

A provider is one file (or folder) and one line in `uploader.backend.providers.PROVIDERS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from logging import WARNING
from typing import Any, Protocol

from starlette.routing import BaseRoute

from uploader.backend import videos
from uploader.backend.jobs import Handler
from uploader.backend.videos import Sight
from uploader.backend.webhooks import Forged, News, NotAnEvent, TooOld
from uploader.wire import ChunkRules

__all__ = [
    "Addresses", "Forged", "Grant", "Held", "News", "NotAnEvent", "Order", "Provider", "ProviderFailed", "Sight",
    "TooOld",
]  # fmt: skip


CONFIRMING = Sight("processing", stage="publishing")
"""A webhook says that a private video is ready; only the provider itself is believed that it is private."""

NOT_PRIVATE = Sight("error", error="The provider did not make this video private.", error_code=videos.NOT_PRIVATE)


@dataclass(frozen=True, slots=True)
class Held:
    """What was granted before for the same order. `upload_url` as it was then."""

    upload_id: str
    upload_url: str
    expires_at: datetime


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
    held: Held | None = None


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
    look_every: float | None
    """Seconds between two looks at one video; None where webhooks alone tell, and `look` is never asked."""
    most_together: int
    """How many videos `look_together` may be asked about; 1 where a provider tells of one at a time."""
    later_heights: tuple[int, ...]
    """Renditions that may come after a video can be watched, in pixels: a post may wait for them."""
    signature_header: str
    """The header, in lower case, by which its webhooks are known."""

    def grant(self, order: Order) -> Grant:
        """Make room for one upload. `order.held` is given again while it is good, under today's address; a new upload
        takes the place of one that is over, and the old one is forgotten by whoever called.
        """

    def look(self, upload_id: str, asset_id: str | None = None) -> Sight | None:
        """How the video is now; None where this provider tells by itself (webhooks) and needs no asking.

        `asset_id` as an earlier Sight named it, which may save a call.
        """

    def look_together(self, upload_ids: Sequence[str]) -> Mapping[str, Sight]:
        """How these are now, in one call. Never more than `most_together`; what it does not speak of is not known."""

    def hear(self, signature: str, body: bytes, now: datetime) -> News:
        """What a webhook says; `signature` is that header's value, `body` the raw bytes. Raises Forged, NotAnEvent."""

    def forget(self, upload_id: str) -> None:
        """Delete the upload and everything made of it. Not an error if it is gone."""

    def addresses(
        self, video_id: str, playback_url: str | None, thumbnail_url: str | None, *, signed: bool = False
    ) -> Addresses:
        """The addresses to hand out for a ready video; those given are what it was seen with, and so is `signed`."""

    def routes(self) -> Sequence[BaseRoute]:
        """Addresses that are answered in this process; none for a provider elsewhere."""

    def handlers(self) -> Mapping[str, Handler]:
        """The kinds of job that come with this provider, and who does them; each kind gets a worker."""

    def stop(self) -> None:
        """The server is about to end: let streams go, and wait for nobody else's answer. Called on the event loop while
        there is one, perhaps twice; must not block.
        """


class ProviderFailed(Exception):
    """The provider did not do it. `message` keeps the cause, for the operator's log; never an address or a secret.

    `passing`: it was too busy or not to be reached, and will be again. `retry_after` in seconds where it named one.
    `status`: its HTTP status, where it answered. `level`: how the log takes it.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        passing: bool = False,
        status: int | None = None,
        level: int = WARNING,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.passing = passing
        self.status = status
        self.level = level
