"""Leave to upload: asked of a video's own provider by one request at a time, noted, and renewed when it is over."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from uploader import errors
from uploader.backend import jobs, videos
from uploader.backend.context import Backend
from uploader.backend.problems import ApiProblem
from uploader.backend.providers.base import Grant, Held, Order, ProviderFailed
from uploader.backend.store.models import Video, VideoUpload
from uploader.wire import Ticket

log = logging.getLogger(__name__)

TURN = timedelta(minutes=2)
"""Longer than any provider is waited for: whoever holds a turn for so long is dead."""

A_WHILE = 10
A_MINUTE = 60

OVER = {
    "processing": ("The upload is complete", "upload_complete"),
    "ready": ("The upload is complete", "upload_complete"),
    "error": ("The video failed", "video_failed"),
    "cancelled": ("The video was cancelled", "video_cancelled"),
}
"""What there is to say instead of a ticket when a video waits for no bytes any more."""


def take_turn(session: Session, video_id: str, now: datetime) -> Held | None:
    """Be the one who asks the provider, from now until `ticket` is done; what is held already.

    Raises ApiProblem, 409: somebody else is asking.
    """
    free = or_(VideoUpload.granting_until.is_(None), VideoUpload.granting_until <= now)
    mine = update(VideoUpload).where(VideoUpload.id == video_id, free)
    if not jobs.changed(session.execute(mine.values(granting_until=now + TURN))):
        raise ApiProblem(409, "Another request for this video is still at work", "idempotency_in_progress", 1)
    upload, video = session.get_one(VideoUpload, video_id), session.get_one(Video, video_id)
    if upload.upload_url is None or upload.expires_at is None or video.provider_upload_id is None:
        return None
    return Held(video.provider_upload_id, upload.upload_url, upload.expires_at)


def ticket(
    backend: Backend,
    video: Video,
    held: Held | None,
    stored: Callable[[Session, Ticket], None],
    failed: Callable[[Session], None],
) -> Ticket:
    """The ticket of whose turn it is. `stored` is called in the transaction that notes it, `failed` in the one after
    a failure. Raises ApiProblem: what the provider says, or 409 if the video waits for no bytes any more.
    """
    try:
        grant = _grant(backend, video, held)
    except Exception as error:
        with backend.database.write() as session:
            _end_turn(session, video.id)
            failed(session)
        if isinstance(error, errors.DiskFull):
            raise ApiProblem(507, "There is no space left on the server", "disk_full", A_MINUTE) from error
        if isinstance(error, ProviderFailed):
            raise _trouble(error) from error
        raise
    made = Ticket(
        video_id=video.id,
        upload_url=grant.upload_url,
        provider=video.provider,
        expires_at=grant.expires_at,
        protocol=grant.protocol,
        chunk=grant.chunk,
        max_bytes=video.file_size,
    )
    with backend.database.write() as session:
        kept = _keep(session, video, held, grant)
        _end_turn(session, video.id)
        (stored(session, made) if kept else failed(session))
    if not kept:
        raise over(backend, video.id)
    return made


def over(backend: Backend, video_id: str) -> ApiProblem:
    """Why there is no ticket: the video has moved on."""
    with backend.database.read() as session:
        video = session.get(Video, video_id)
    if video is None:
        return ApiProblem(404, "Video not found", "video_not_found")
    if video.status == "uploading":  # our turn was over, and somebody else's took its place
        return ApiProblem(409, "Another request for this video is still at work", "idempotency_in_progress", 1)
    return ApiProblem(409, *OVER[video.status])


def _trouble(error: ProviderFailed) -> ApiProblem:
    log.log(error.level, "No leave to upload: %s", error)
    status, wait = (503, A_WHILE) if error.passing else (502, A_MINUTE)
    return ApiProblem(status, "Failed to create upload URL", "provider_failed", error.retry_after or wait)


def _grant(backend: Backend, video: Video, held: Held | None) -> Grant:
    if video.provider not in backend.providers:
        raise ProviderFailed(f"{video.provider} is not configured any more")
    with backend.database.read() as session:
        metadata = session.get_one(VideoUpload, video.id).metadata_
    order = Order(
        video_id=video.id,
        user_id=video.user_id,
        filename=video.filename,
        file_size=video.file_size,
        mime_type=video.mime_type,
        max_duration=backend.config.max_duration,
        metadata=metadata or {},
        held=held,
    )
    return backend.providers[video.provider].grant(order)


def _keep(session: Session, video: Video, held: Held | None, grant: Grant) -> bool:
    """Note what was granted, if nothing happened meanwhile. What it takes the place of, or what nobody wants any more,
    is forgotten.
    """
    before = held.upload_id if held else None
    same = Video.provider_upload_id == before  # None: IS NULL
    here = update(Video).where(Video.id == video.id, Video.status == "uploading", same)
    kept = jobs.changed(session.execute(here.values(provider_upload_id=grant.upload_id, upload_url=grant.upload_url)))
    if kept:
        noted = update(VideoUpload).where(VideoUpload.id == video.id)
        session.execute(noted.values(upload_url=grant.upload_url, expires_at=grant.expires_at))
    unwanted = before if kept else grant.upload_id
    if unwanted is not None and before != grant.upload_id:
        videos.forget_upload(session, video, unwanted, hashlib.sha256(unwanted.encode()).hexdigest())
    return kept


def _end_turn(session: Session, video_id: str) -> None:
    session.execute(update(VideoUpload).where(VideoUpload.id == video_id).values(granting_until=None))
