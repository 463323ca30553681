"""What the database knows about uploads: one read a request, never one a piece."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, select, update

from uploader.backend import videos
from uploader.backend.store.database import Database
from uploader.backend.store.models import Video, VideoUpload

NAME = "local"
LIFE = timedelta(days=7)
STEP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload as the database has it. `length` in bytes; `state` is the video's."""

    id: str
    video_id: str
    length: int
    state: str
    expires_at: datetime


class Uploads:
    """Finds uploads and moves their videos on."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def find(self, upload_id: str) -> Upload | None:
        """The upload of this address; None if there never was one, or its video was deleted."""
        with self._database.read() as session:
            row = session.execute(_BY_ID, {"id": upload_id}).one_or_none()
        return _upload(*row) if row else None

    def of_video(self, video_id: str) -> Upload | None:
        """The upload that brings this video, if it has been granted."""
        with self._database.read() as session:
            row = session.execute(_uploads().where(Video.id == video_id)).one_or_none()
        return _upload(*row) if row else None

    def unfinished(self) -> list[Upload]:
        """Everything that still waits for bytes."""
        with self._database.read() as session:
            return [_upload(*row) for row in session.execute(_uploads().where(Video.status == "uploading"))]

    def expired(self, upload: Upload) -> bool:
        """Whether its time is over."""
        return upload.state == "uploading" and upload.expires_at < self._clock()

    def extend(self, upload: Upload) -> Upload:
        """Whoever still sends may go on for another week. Written at most once an hour."""
        until = self._clock() + LIFE
        if until - upload.expires_at < STEP:
            return upload
        with self._database.write() as session:
            session.execute(update(VideoUpload).where(VideoUpload.id == upload.video_id).values(expires_at=until))
        return replace(upload, expires_at=until)

    def complete(self, upload: Upload) -> bool:
        """All bytes are here: hand the video on, once. False if it was cancelled or deleted meanwhile."""
        with self._database.write() as session:
            if videos.received(session, upload.video_id, self._clock()):
                return True
        now = self.find(upload.id)
        return now is not None and now.state in {"processing", "ready", "error"}

    def cancel(self, upload: Upload) -> None:
        """The uploader does not want it any more."""
        with self._database.write() as session:
            videos.cancelled(session, upload.video_id, self._clock())

    def expire(self, upload: Upload) -> bool:
        """Nobody brought the rest. False if it has moved on meanwhile."""
        with self._database.write() as session:
            return videos.failed(
                session, upload.video_id, "upload_expired", "The upload was not finished in time.", self._clock()
            )


def _uploads() -> Select[Video, VideoUpload]:
    return (
        select(Video, VideoUpload)
        .join(VideoUpload, VideoUpload.id == Video.id)
        .where(Video.provider == NAME, Video.provider_upload_id.is_not(None), VideoUpload.expires_at.is_not(None))
    )


_BY_ID = _uploads().where(Video.provider_upload_id == bindparam("id"))  # made once: each request asks


def _upload(video: Video, row: VideoUpload) -> Upload:
    if video.provider_upload_id is None or row.expires_at is None:
        raise ValueError("not granted yet")
    return Upload(video.provider_upload_id, video.id, video.file_size, video.status, row.expires_at)
