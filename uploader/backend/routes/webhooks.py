"""Where providers say what became of a video. A second delivery, or an old one, changes nothing."""

import hashlib
import logging
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from uploader.backend import videos
from uploader.backend.context import TheBackend
from uploader.backend.jobs import changed
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.providers.base import Sight
from uploader.backend.store.models import Video, WebhookEvent, now
from uploader.backend.webhooks import verify
from uploader.errors import ProcessingFailed

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

PROVIDER = "local"
"""Whose events come here: one who signs as the seed does."""


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


EVENT = {
    "type": "object",
    "required": ["type", "data"],
    "properties": {
        "type": {"examples": ["video.asset.ready", "video.asset.errored"]},
        "id": {"type": ["string", "null"], "maxLength": 255},
        "data": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "maxLength": 255}}},
    },
}
"""What OpenAPI says of the body, which the route reads raw."""


class Received(BaseModel):
    """The seed's reply."""

    received: Literal[True] = True


async def raw_body(request: Request) -> bytes:
    """The bytes as they came: a signature is over these, not over what they mean."""
    return await request.body()


@router.post(
    "/video-processing",
    responses=responses(401),
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": EVENT}}}},
)
def video_processing(
    backend: TheBackend,
    body: Annotated[bytes, Depends(raw_body)],
    signature: Annotated[str, Header(alias="x-webhook-signature")] = "",
) -> Received:
    """`video.asset.ready` and `video.asset.errored` of the seed, signed with WEBHOOK_SECRET."""
    if not verify([backend.config.webhook_secret], body, signature):
        raise ApiProblem(401, "Invalid signature", "invalid_signature")
    try:
        event = Event.model_validate_json(body)
    except ValidationError as error:
        raise ApiProblem(400, "Invalid request (not an event)", "invalid_request") from error
    with backend.database.write() as session:
        if _first_time(session, event.id or hashlib.sha256(body).hexdigest()):
            _apply(session, event, backend.clock())
    return Received()


def _first_time(session: Session, event_id: str) -> bool:
    """Take note of the event in the transaction that applies it: both happen, or neither."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {"provider": PROVIDER, "event_id": event_id, "received_at": now()}
    return changed(session.execute(dialect.insert(WebhookEvent).values(row).on_conflict_do_nothing()))


def _apply(session: Session, event: Event, moment: datetime) -> None:
    video = session.get(Video, event.data.id)
    if video is None or video.provider != PROVIDER:
        log.info("An event about a video that is not ours, or not this provider's: %s", event.type)
        return
    if event.type == "video.asset.ready":
        videos.ready(session, video.id, _sight(event.data), moment)
    elif event.type == "video.asset.errored":
        message = event.data.error_message or ProcessingFailed.title
        videos.failed(session, video.id, event.data.error_code or ProcessingFailed.code, message, moment)


def _sight(data: Subject) -> Sight:
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
    )
