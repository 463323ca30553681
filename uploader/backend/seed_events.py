"""The seed's webhook: its events as they are signed and sent by the local provider, read and checked."""

import hashlib
from collections.abc import Sequence

from pydantic import BaseModel, Field, ValidationError

from uploader.backend.videos import Sight
from uploader.backend.webhooks import Forged, News, NotAnEvent, verify

HEADER = "x-webhook-signature"


class Track(BaseModel):
    """One track of the finished video."""

    width: int | None = None
    height: int | None = None
    max_bitrate: int | None = None
    codec: str | None = Field(None, max_length=50)


class Subject(BaseModel):
    """The seed's `data`: a video of ours, and what became of it. `duration` in seconds."""

    id: str = Field(max_length=255)
    playback_url: str | None = None
    thumbnail_url: str | None = None
    duration: float | None = Field(None, ge=0, allow_inf_nan=False)
    error_message: str | None = None
    error_code: str | None = None
    tracks: tuple[Track, ...] = ()


class Event(BaseModel):
    """The seed's event. Types we do not know are taken and ignored."""

    type: str
    id: str | None = Field(None, min_length=1, max_length=255)
    data: Subject


def hear(secrets: Sequence[str], signature: str, body: bytes) -> News:
    """What the event says. Raises Forged, NotAnEvent."""
    if not verify(secrets, body, signature):
        raise Forged
    try:
        event = Event.model_validate_json(body)
    except ValidationError as error:
        raise NotAnEvent from error
    return News(event.id or hashlib.sha256(body).hexdigest(), _sight(event), video_id=event.data.id)


def _sight(event: Event) -> Sight | None:
    data = event.data
    if event.type == "video.asset.errored":
        return Sight("error", error=data.error_message, error_code=data.error_code)
    if event.type != "video.asset.ready":
        return None
    track = data.tracks[0] if data.tracks else Track()
    return Sight(
        "ready",
        playback_url=data.playback_url,
        thumbnail_url=data.thumbnail_url,
        duration=data.duration,
        width=track.width,
        height=track.height,
        bitrate=track.max_bitrate,
        codec=track.codec,
        best_height=max((one.height for one in data.tracks if one.height is not None), default=None),
    )
