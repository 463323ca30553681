"""The `transcode` job: from the original to what players want, then the event that says so, as another job."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from uploader import errors, media
from uploader.backend import jobs, videos
from uploader.backend.jobs import Later, Lease
from uploader.backend.providers.local.files import Files
from uploader.backend.providers.local.uploads import Upload, Uploads
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow

log = logging.getLogger(__name__)

A_SECOND = 1.0
TRIES = 2
FOREVER = 1_000_000
FULL = timedelta(minutes=1)
"""Between two attempts while there is no space left."""
ABOUT_THE_VIDEO = (errors.NotAVideo, errors.TooLong, errors.FileEmpty, errors.MediaFailed)


class Unwanted(Exception):
    """The video was cancelled or deleted while we were at work."""


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Does `transcode` jobs. `addresses` gives playback and thumbnail URL of a video id; `max_duration` in seconds."""

    database: Database
    uploads: Uploads
    files: Files
    folder: Path
    max_duration: int
    addresses: Callable[[str], tuple[str, str]]
    hls: Callable[..., media.HlsResult] = media.hls

    def __call__(self, lease: Lease) -> None:
        """One attempt. What will not get better by itself becomes an event too."""
        upload = self.uploads.of_video(lease.payload["videoId"])
        if upload is None or upload.state != "processing" or self._announced(upload):
            return
        try:
            event = self._ready(upload, self._made(upload, lease))
        except (Unwanted, media.Cancelled):
            if not lease.let_go:  # else another attempt follows, and may use what is there
                shutil.rmtree(self.folder / upload.video_id, ignore_errors=True)
            return
        except errors.DiskFull as error:
            log.warning("No space left to process video %s: %s", upload.video_id, error.detail)
            with self.database.write() as session:
                videos.progressed(session, upload.video_id, "waiting_for_space", None)
            raise Later(FULL) from error
        except errors.ReelferryError as error:
            if not _hopeless(error, lease):
                raise
            log.info("Video %s will not do: %s", upload.video_id, error.code)
            event = _errored(upload, error)
        except Exception:
            if not lease.final:
                raise
            log.exception("Video %s could not be processed", upload.video_id)
            event = _errored(upload, errors.ProcessingFailed())
        self._announce(upload, event)

    def _made(self, upload: Upload, lease: Lease) -> media.HlsResult:
        watch = _Watch(self.database, upload.video_id, lease)
        watch.progressed(0)
        return self.hls(
            self.files.path(upload.id),
            self.folder / upload.video_id,
            on_progress=watch.progressed,
            cancelled=watch.unwanted,
            max_duration=self.max_duration,
        )

    def _announced(self, upload: Upload) -> bool:
        """Whether an earlier attempt came so far and died before it could say that it was done."""
        with self.database.read() as session:
            return session.scalar(select(JobRow.id).where(JobRow.key == _key(upload))) is not None

    def _announce(self, upload: Upload, event: Mapping[str, Any]) -> None:
        with self.database.write() as session:
            wanted = videos.progressed(session, upload.video_id, "publishing", 100)
            if wanted:
                jobs.enqueue(session, "deliver_webhook", _key(upload), {"event": event}, max_attempts=FOREVER)
        if not wanted:
            shutil.rmtree(self.folder / upload.video_id, ignore_errors=True)

    def _ready(self, upload: Upload, made: media.HlsResult) -> dict[str, Any]:
        playback_url, thumbnail_url = self.addresses(upload.video_id)
        data = {
            "id": upload.video_id,
            "playback_url": playback_url,
            "thumbnail_url": thumbnail_url,
            "duration": made.duration,
            "tracks": [
                {"width": one.width, "height": one.height, "max_bitrate": one.peak, "codec": made.codec}
                for one in made.renditions
            ],
        }
        return _event("video.asset.ready", data)


class _Watch:
    """Between the child at work and the database, once a second: progress there, cancellation back, the lease kept."""

    def __init__(self, database: Database, video_id: str, lease: Lease) -> None:
        self._database = database
        self._video_id = video_id
        self._lease = lease
        self._percent = 0.0
        self._next = 0.0
        self._wanted = True

    def progressed(self, percent: float) -> None:
        """The child has come this far."""
        self._percent = percent
        self.unwanted()

    def unwanted(self) -> bool:
        """Whether to stop: nobody wants the video, or another worker has the job."""
        now = time.monotonic()
        if self._wanted and now >= self._next:
            self._next = now + A_SECOND
            self._wanted = self._lease.keep() and self._told()
        return not self._wanted

    def _told(self) -> bool:
        with self._database.write() as session:
            return videos.progressed(session, self._video_id, "transcoding", self._percent)


def _hopeless(error: errors.ReelferryError, lease: Lease) -> bool:
    """Whether another attempt at the same bytes would end the same way."""
    if isinstance(error, errors.MediaFailed):  # the child died: perhaps of this file, perhaps of a full memory
        return lease.final or lease.attempt >= TRIES
    return lease.final or not isinstance(error, errors.Transient)


def _errored(upload: Upload, error: errors.ReelferryError) -> dict[str, Any]:
    if not isinstance(error, ABOUT_THE_VIDEO):  # the words of the others are about somebody's own disk
        error = errors.ProcessingFailed(error.detail)
    data = {"id": upload.video_id, "error_code": error.code, "error_message": error.title}
    return _event("video.asset.errored", data)


def _event(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "id": uuid4().hex, "data": dict(data)}


def _key(upload: Upload) -> str:
    return f"deliver_webhook:{upload.video_id}"
