"""A video from the wish to upload it to its deletion."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from uploader import errors
from uploader.backend import filenames, idempotency, jobs, videos
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import Backend, TheBackend
from uploader.backend.following import follow
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.providers.base import Grant, Held, Order, ProviderFailed
from uploader.backend.rate_limit import allow, seconds_left
from uploader.backend.store.models import User, Video, VideoUpload
from uploader.wire import Ticket, UploadRequest, VideoProblem, VideoStatus

router = APIRouter(prefix="/api/videos", tags=["videos"])

log = logging.getLogger(__name__)

A_WHILE = 10
A_MINUTE = 60
UPLOADS_A_MINUTE = 120

VideoId = Annotated[str, Path(max_length=255)]

WORDS: dict[str, type[errors.ReelferryError]] = {
    known.code: known
    for known in (
        errors.DiskFull,
        errors.FileEmpty,
        errors.MediaFailed,
        errors.NotAVideo,
        errors.TooLarge,
        errors.TooLong,
        errors.UploadExpired,
    )
}


@router.post("/upload-url", responses=responses(401, 409, 422, 429, 502, 503, 507))
def upload_url(
    request: UploadRequest, user: CurrentUser, backend: TheBackend, idempotency_key: idempotency.Key = None
) -> Ticket:
    """Leave to upload one file. With an Idempotency-Key, asking again gives the same video and an address good now."""
    now = backend.clock()
    if request.file_size > backend.config.max_bytes:
        raise ApiProblem(400, "File too large", "file_too_large")
    if not allow(backend.database, f"upload-url:{user.id}", UPLOADS_A_MINUTE, A_MINUTE, now):
        raise ApiProblem(429, "Too many uploads at once", "rate_limited", seconds_left(A_MINUTE, now))
    with backend.database.write() as session:
        reservation = idempotency.reserve(session, user.id, idempotency_key, request, now)
        video = session.get(Video, reservation.id) or _add(session, reservation.id, request, user, backend)
    if reservation.answer is not None and video.status != "uploading":
        return _earlier(reservation.answer, backend)
    with _provider_trouble(backend, reservation):
        grant = _grant(backend, _order(video, request, backend, _held(backend, video)), video.provider)
    ticket = _ticket(video, grant)
    with backend.database.write() as session:
        _keep(session, video, grant)
        reservation.store(session, {"ticket": ticket.model_dump(mode="json"), "baseUrl": backend.base_url})
    return ticket


def _add(session: Session, video_id: str, request: UploadRequest, user: User, backend: Backend) -> Video:
    """Both rows at once and before the provider hears of it: no webhook can come for a video that is not there."""
    common = {
        "id": video_id,
        "user_id": user.id,
        "filename": filenames.clean(request.filename),
        "file_size": request.file_size,
        "mime_type": request.mime_type,
        "provider": backend.config.provider,
        "status": "uploading",
        "created_at": backend.clock(),
    }
    video = Video(**common, version=0)
    session.add(video)
    session.flush()
    session.add(VideoUpload(**common, metadata_=request.metadata))
    return video


def _grant(backend: Backend, order: Order, provider: str) -> Grant:
    if provider not in backend.providers:
        raise ProviderFailed(f"{provider} is not configured any more")
    return backend.providers[provider].grant(order)


def _held(backend: Backend, video: Video) -> Held | None:
    """What was granted for this video before."""
    with backend.database.read() as session:
        upload = session.get(VideoUpload, video.id)
    if upload is None or upload.upload_url is None or upload.expires_at is None or video.provider_upload_id is None:
        return None
    return Held(video.provider_upload_id, upload.upload_url, upload.expires_at)


def _order(video: Video, request: UploadRequest, backend: Backend, held: Held | None) -> Order:
    return Order(
        video_id=video.id,
        user_id=video.user_id,
        filename=video.filename,
        file_size=video.file_size,
        mime_type=video.mime_type,
        max_duration=backend.config.max_duration,
        metadata=request.metadata or {},
        held=held,
    )


def _ticket(video: Video, grant: Grant) -> Ticket:
    return Ticket(
        video_id=video.id,
        upload_url=grant.upload_url,
        provider=video.provider,
        expires_at=grant.expires_at,
        protocol=grant.protocol,
        chunk=grant.chunk,
        max_bytes=video.file_size,
    )


def _earlier(answer: Mapping[str, Any], backend: Backend) -> Ticket:
    """The ticket as it was given, on the name that the server has today."""
    ticket = Ticket.model_validate(answer["ticket"])
    path = ticket.upload_url.removeprefix(answer["baseUrl"])
    return ticket if path == ticket.upload_url else ticket.model_copy(update={"upload_url": backend.base_url + path})


def _keep(session: Session, video: Video, grant: Grant) -> None:
    """Note what was granted. What it takes the place of, or what nobody wants any more, is forgotten."""
    before = session.scalar(select(Video.provider_upload_id).where(Video.id == video.id))
    here = update(Video).where(Video.id == video.id, Video.status == "uploading")
    if jobs.changed(session.execute(here.values(provider_upload_id=grant.upload_id, upload_url=grant.upload_url))):
        session.execute(
            update(VideoUpload)
            .where(VideoUpload.id == video.id)
            .values(upload_url=grant.upload_url, expires_at=grant.expires_at)
        )
        superseded = before if before != grant.upload_id else None
    else:
        superseded = grant.upload_id if before != grant.upload_id else None
    if superseded is not None:
        videos.forget_upload(session, video, superseded, hashlib.sha256(superseded.encode()).hexdigest())


@contextmanager
def _provider_trouble(backend: Backend, reservation: idempotency.Reservation) -> Iterator[None]:
    """What was not granted leaves nothing behind; the same key may try again."""
    try:
        yield
    except Exception as error:
        with backend.database.write() as session:
            reservation.release(session)
            video = session.get(Video, reservation.id)
            if video is not None and video.provider_upload_id is None:
                session.delete(video)
        if isinstance(error, errors.DiskFull):
            raise ApiProblem(507, "There is no space left on the server", "disk_full", A_MINUTE) from error
        if isinstance(error, ProviderFailed):
            log.warning("No leave to upload: %s", error)
            status, wait = (503, A_WHILE) if error.passing else (502, A_MINUTE)
            words = "Failed to create upload URL"
            raise ApiProblem(status, words, "provider_failed", error.retry_after or wait) from error
        raise


@router.get("/{video_id}/status", responses=responses(401, 403, 404))
def status(video_id: VideoId, user: CurrentUser, backend: TheBackend) -> VideoStatus:
    """How far it is, where it plays, or why it will not."""
    video = _own(backend, video_id, user)
    if follow(backend, video):
        video = _own(backend, video_id, user)
    position = None
    if video.status == "processing":
        with backend.database.read() as session:
            position = jobs.position(session, "transcode", videos.transcode_key(video.id))
    return video_status(backend, video, position)


def _own(backend: Backend, video_id: str, user: User) -> Video:
    with backend.database.read() as session:
        video = session.get(Video, video_id)
    if video is None:
        raise ApiProblem(404, "Video not found", "video_not_found")
    if video.user_id != user.id:
        raise ApiProblem(403, "Access denied", "access_denied")
    return video


def video_status(backend: Backend, video: Video, position: int | None) -> VideoStatus:
    """A video as its owner sees it."""
    shown = VideoStatus(
        video_id=video.id,
        status=video.status,
        provider=video.provider,
        duration=video.duration,
        stage=video.stage,
        percent=video.percent,
        queue_position=position,
        error=_problem(video),
    )
    if video.status != "ready":
        return shown
    found = backend.addresses(video)
    return shown.model_copy(
        update={
            "playback_url": found.playback_url,
            "thumbnail_url": found.thumbnail_url,
            "watch_url": found.watch_url,
        }
    )


def _problem(video: Video) -> VideoProblem | None:
    if video.status != "error":
        return None
    code = video.error_code or errors.ProcessingFailed.code
    if code in WORDS:
        return VideoProblem(code=code, message=WORDS[code].title, action=WORDS[code].hint)
    return VideoProblem(
        code=code, message=video.error or errors.ProcessingFailed.title, action=errors.ProcessingFailed.hint
    )


@router.delete("/{video_id}", status_code=204, responses=responses(401, 404))
def delete(video_id: VideoId, user: CurrentUser, backend: TheBackend) -> Response:
    """Ends the upload or takes the video away; doing so twice is no error."""
    with backend.database.write() as session:
        video = session.get(Video, video_id)
        if video is None or video.user_id != user.id:
            raise ApiProblem(404, "Video not found", "video_not_found")
        videos.deleted(session, video.id, backend.clock())
    return Response(status_code=204)
