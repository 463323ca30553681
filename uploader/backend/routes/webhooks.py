"""Where providers say what became of a video. A second delivery, or an old one, changes nothing."""

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from uploader.backend import following, videos
from uploader.backend.context import Backend, TheBackend
from uploader.backend.observer import Heard
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.providers.base import Forged, News, NotAnEvent, Provider, TooOld
from uploader.backend.store.models import Video, WebhookEvent, now
from uploader.backend.store.once import insert_once

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

NOBODY = "-"

EVENT = {
    "type": "object",
    "required": ["type", "data"],
    "properties": {
        "type": {"examples": ["video.asset.ready", "video.asset.errored"]},
        "id": {"type": ["string", "null"], "maxLength": 255},
        "data": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "maxLength": 255}}},
    },
}
"""What OpenAPI says of the body, which the route reads raw: the seed's event; each provider sends its own."""


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
def video_processing(request: Request, backend: TheBackend, body: Annotated[bytes, Depends(raw_body)]) -> Received:
    """One provider's word, known by the header that signs it: `x-webhook-signature` (the seed's, WEBHOOK_SECRET),
    `Webhook-Signature` (Cloudflare) or `Mux-Signature`.
    """
    provider, news = _heard(request, backend, body)
    with backend.database.write() as session:
        result = _apply(session, backend, provider, news)
    backend.observer.heard(provider.name, result)
    return Received()


def _apply(session: Session, backend: Backend, provider: Provider, news: News) -> Heard:
    if not _first_time(session, provider, news):
        return "duplicate"
    video = _find(session, provider, news)
    if video is None:
        log.info("An event about a video that is not ours, or not this provider's: %s", provider.name)
        return "unknown"
    if news.sight is None:
        return "ignored"
    videos.seen(session, video.id, news.sight, backend.clock())
    if news.confirm:
        following.hasten(session, provider, video.id, backend.clock())
    return "accepted"


def _heard(request: Request, backend: Backend, body: bytes) -> tuple[Provider, News]:
    """Each provider hears only what is signed its way. Whoever comes without a signature is refused like a forger."""
    for provider in backend.providers.values():
        signature = request.headers.get(provider.signature_header)
        if signature is None:
            continue
        try:
            return provider, provider.hear(signature, body, backend.clock())
        except Forged as error:
            backend.observer.heard(provider.name, "too_old" if isinstance(error, TooOld) else "forged")
            raise ApiProblem(401, "Invalid signature", "invalid_signature") from error
        except NotAnEvent as error:
            backend.observer.heard(provider.name, "unreadable")
            raise ApiProblem(400, "Invalid request (not an event)", "invalid_request") from error
    backend.observer.heard(NOBODY, "unsigned")
    raise ApiProblem(401, "Invalid signature", "invalid_signature")


def _first_time(session: Session, provider: Provider, news: News) -> bool:
    """Take note of the event in the transaction that applies it: both happen, or neither."""
    row = {"provider": provider.name, "event_id": news.event_id, "received_at": now()}
    return insert_once(session, WebhookEvent, row)


def _find(session: Session, provider: Provider, news: News) -> Video | None:
    """The video that is meant. Our own id is believed only where it does not speak of an upload that was replaced."""
    theirs = select(Video).where(Video.provider == provider.name)
    if news.upload_id is not None:
        video = session.scalar(theirs.where(Video.provider_upload_id == news.upload_id))
        if video is not None:
            return video
    if news.video_id is not None:
        video = session.scalar(theirs.where(Video.id == news.video_id))
        if video is not None and news.upload_id in {None, video.provider_upload_id}:
            return video
        return video if video is not None and video.provider_upload_id is None else None
    asset_id = news.sight.asset_id if news.sight else None
    return None if asset_id is None else session.scalar(theirs.where(Video.provider_asset_id == asset_id))
