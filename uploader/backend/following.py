"""Follows videos at providers that must be asked: at most one look a video in the provider's own interval."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from uploader.backend import jobs, videos
from uploader.backend.context import Backend
from uploader.backend.providers.base import Provider, ProviderFailed, Sight
from uploader.backend.store.models import Video, VideoUpload
from uploader.errors import UploadExpired

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=30)
"""After an upload's end: its last bytes may have come in time and not be known yet."""


def follow(backend: Backend, video: Video) -> bool:
    """Ask the video's own provider how it is, unless it was asked just now, and apply what it says.

    True: something has changed. A provider that does not answer changes nothing. No transaction is open meanwhile.
    """
    provider = backend.providers.get(video.provider)
    upload_id = video.provider_upload_id
    if provider is None or provider.look_every is None or upload_id is None or video.status not in videos.UNFINISHED:
        return False
    if not _my_turn(backend, video.id, timedelta(seconds=provider.look_every)):
        return False
    sight = _look(provider, upload_id)
    if sight is None:
        return False
    with backend.database.write() as session:
        if session.scalar(select(Video.provider_upload_id).where(Video.id == video.id)) != upload_id:
            return False  # a new upload took its place while we asked
        current = session.get_one(Video, video.id)
        wait_for_bytes = sight.state == "uploading" or sight.error_code == "video_gone"
        if current.status == "uploading" and wait_for_bytes:
            sight = _still_waiting(session.get_one(VideoUpload, video.id), backend.clock())
        return videos.seen(session, video.id, sight, backend.clock())


def _still_waiting(upload: VideoUpload, now: datetime) -> Sight:
    """No bytes have come: that is as it should be until the upload's time is over."""
    if upload.expires_at is None or now <= upload.expires_at + GRACE:
        return Sight("uploading")
    return Sight("error", error=UploadExpired.title, error_code=UploadExpired.code)


def _my_turn(backend: Backend, video_id: str, every: timedelta) -> bool:
    """The compare-and-set: of all who ask at once, one looks."""
    moment = backend.clock()
    here = update(Video).where(
        Video.id == video_id,
        Video.status.in_(videos.UNFINISHED),
        or_(Video.looked_at.is_(None), Video.looked_at <= moment - every),
    )
    with backend.database.read() as session:
        looked = session.scalar(select(Video.looked_at).where(Video.id == video_id))
    if looked is not None and looked > moment - every:
        return False  # most polls end here, without the write lock
    with backend.database.write() as session:
        return jobs.changed(session.execute(here.values(looked_at=moment, updated_at=Video.updated_at)))


def _look(provider: Provider, upload_id: str) -> Sight | None:
    try:
        return provider.look(upload_id)
    except ProviderFailed as error:
        log.warning("Asking how a video is: %s", error)
        return None
