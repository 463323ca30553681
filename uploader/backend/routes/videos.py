"""A video from the wish to upload it to its deletion."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from uploader.backend import filenames, idempotency, jobs, quotas, tickets, videos
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import Backend, TheBackend
from uploader.backend.following import follow
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.rate_limit import allow, seconds_left
from uploader.backend.store.models import Post, User, Video, VideoUpload
from uploader.backend.verdicts import verdict
from uploader.wire import WITHOUT_NUL, Ticket, UploadRequest, VideoStatus

router = APIRouter(prefix="/api/videos", tags=["videos"])

A_MINUTE = 60
UPLOADS_A_MINUTE = 120

VideoId = Annotated[str, Path(max_length=255, pattern=WITHOUT_NUL)]


@router.post("/upload-url", responses=responses(401, 409, 422, 429, 502, 503, 507))
def upload_url(
    request: UploadRequest, user: CurrentUser, backend: TheBackend, idempotency_key: idempotency.Key = None
) -> Ticket:
    """Leave to upload one file. With an Idempotency-Key, asking again gives the same video and an address good now."""
    now = backend.clock()
    if request.file_size > backend.config.max_bytes:
        raise ApiProblem(400, "File too large", "file_too_large")
    _count(backend, user, now)
    with backend.database.write() as session:
        reservation = idempotency.reserve(session, user.id, idempotency_key, request, now)
        video = session.get(Video, reservation.id) or _add(session, reservation.id, request, user, backend)
        if reservation.answer is not None and video.status != "uploading":
            return _earlier(reservation.answer, backend)
        held = tickets.take_turn(session, video.id, now)
    return tickets.ticket(backend, video, held, _storing(backend, reservation), _undoing(reservation, video.id))


class Renewal(BaseModel):
    """What an Idempotency-Key of a renewal stands for."""

    video_id: str


@router.post("/{video_id}/upload-url", responses=responses(401, 404, 409, 422, 429, 502, 503, 507))
def renewed_upload_url(
    video_id: VideoId, user: CurrentUser, backend: TheBackend, idempotency_key: idempotency.Key = None
) -> Ticket:
    """Leave to go on with an upload whose ticket is over; one that is still good is given again. What the upload host
    keeps under the new address, the host says: the local provider everything, Cloudflare and Mux nothing.
    """
    _count(backend, user, backend.clock())
    with backend.database.read() as session:
        video = _mine(session, video_id, user)
    follow(backend, video)  # all bytes may be there, and the news of it not
    now = backend.clock()
    with backend.database.write() as session:
        video = _mine(session, video_id, user)
        reservation = idempotency.reserve(session, user.id, idempotency_key, Renewal(video_id=video_id), now)
        if video.status == "uploading":
            held = tickets.take_turn(session, video.id, now)
        elif reservation.answer is None:
            reservation.release(session)
    if video.status == "uploading":
        return tickets.ticket(backend, video, held, _storing(backend, reservation), reservation.release)
    if reservation.answer is not None:
        return _earlier(reservation.answer, backend)
    raise tickets.over(backend, video.id)


def _count(backend: Backend, user: User, now: datetime) -> None:
    if not allow(backend.database, f"upload-url:{user.id}", UPLOADS_A_MINUTE, A_MINUTE, now):
        raise ApiProblem(429, "Too many uploads at once", "rate_limited", seconds_left(A_MINUTE, now))


def _add(session: Session, video_id: str, request: UploadRequest, user: User, backend: Backend) -> Video:
    """Both rows at once and before the provider hears of it: no webhook can come for a video that is not there."""
    quotas.check(session, user.id, request.file_size, backend.config, backend.clock())
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
    session.flush()
    return video


def _storing(backend: Backend, reservation: idempotency.Reservation) -> Callable[[Session, Ticket], None]:
    """Has a later request with the same key given the same answer."""

    def store(session: Session, ticket: Ticket) -> None:
        reservation.store(session, {"ticket": ticket.model_dump(mode="json"), "baseUrl": backend.base_url})

    return store


def _undoing(reservation: idempotency.Reservation, video_id: str) -> Callable[[Session], None]:
    """What was not granted leaves nothing behind; the same key may try again."""

    def undo(session: Session) -> None:
        reservation.release(session)
        video = session.get(Video, video_id)
        if video is not None and video.status == "uploading" and video.provider_upload_id is None:
            session.delete(video)

    return undo


def _earlier(answer: Mapping[str, Any], backend: Backend) -> Ticket:
    """The ticket as it was given, on the name that the server has today."""
    ticket = Ticket.model_validate(answer["ticket"])
    path = ticket.upload_url.removeprefix(answer["baseUrl"])
    return ticket if path == ticket.upload_url else ticket.model_copy(update={"upload_url": backend.base_url + path})


@router.get("/{video_id}/status", response_model=VideoStatus, responses=responses(401, 403, 404))
def status(video_id: VideoId, user: CurrentUser, backend: TheBackend) -> Response:
    """How far it is, where it plays, or why it will not."""
    video = _own(backend, video_id, user)
    if follow(backend, video):
        video = _own(backend, video_id, user)
    position = None
    if video.status == "processing":
        with backend.database.read() as session:
            position = jobs.position(session, "transcode", videos.transcode_key(video.id))
    shown = video_status(backend, video, position)
    return Response(shown.model_dump_json(by_alias=True), media_type="application/json")  # no third turn of a thread


def _mine(session: Session, video_id: str, user: User) -> Video:
    """A video of this user; to everybody else it is not there."""
    video = session.get(Video, video_id)
    if video is None or video.user_id != user.id:
        raise ApiProblem(404, "Video not found", "video_not_found")
    return video


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
        error=verdict(video),
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


@router.delete("/{video_id}", status_code=204, responses=responses(401, 404, 409))
def delete(
    video_id: VideoId, user: CurrentUser, backend: TheBackend, unless: Literal["posted"] | None = None
) -> Response:
    """Ends the upload or takes the video away; doing so twice is no error. `unless=posted`: not from under a post."""
    with backend.database.write() as session:
        video = _mine(session, video_id, user)
        session.refresh(video, with_for_update=True)
        if unless == "posted" and session.scalar(select(Post.id).where(Post.video_id == video.id).limit(1)):
            raise ApiProblem(409, "The video is in a post", "video_posted")
        videos.deleted(session, video.id, backend.clock())
    return Response(status_code=204)
