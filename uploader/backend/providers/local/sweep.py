"""The `sweep` job, at the start and then every hour: ends what nobody will finish, deletes what nobody owns."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from uploader.backend import jobs, videos
from uploader.backend.jobs import Lease
from uploader.backend.providers.local.files import UPLOAD_ID, Files
from uploader.backend.providers.local.uploads import Uploads
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video

log = logging.getLogger(__name__)

KIND = "sweep"
EVERY = timedelta(hours=1)
YOUNG = 3600.0


class Sweeper:
    """Does `sweep` jobs over the folders of originals and of what was made of them."""

    def __init__(
        self, database: Database, uploads: Uploads, files: Files, media: Path, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._files = files
        self._media = media
        self._clock = clock

    def __call__(self, _lease: Lease) -> None:
        """One round; the next one is planned first, so that a round that fails is not the last."""
        self.plan(self._clock().replace(minute=0) + EVERY)  # on the hour, so that restarts do not add rounds
        self.unfinished()
        self.forgotten_originals()
        self.forgotten_media()

    def plan(self, at: datetime) -> None:
        """Have a round done at this time; many servers on one database plan it once."""
        with self._database.write() as session:
            _drop_old(session, self._clock() - EVERY)
            jobs.enqueue(session, KIND, f"{KIND}:{at:%Y-%m-%dT%H:%M}", {}, run_at=at)

    def unfinished(self) -> None:
        """Hand on what is complete without anybody having said so; end what nobody renewed, and free the disk."""
        for upload in self._uploads.unfinished():
            if self._files.offset(upload.id) == upload.length:
                self._uploads.complete(upload)
            elif upload.expires_at + videos.RENEWABLE < self._clock() and self._uploads.expire(upload):
                self._files.remove(upload.id)
                log.info("An upload was not finished in time; what had come of it is deleted")

    def forgotten_originals(self) -> None:
        """Delete files of uploads that were cancelled or never known, unless somebody may be writing them."""
        for path in _old(self._files.folder):
            upload_id = path.stem
            if not UPLOAD_ID.fullmatch(upload_id):
                continue
            upload = self._uploads.find(upload_id)
            if upload is None or upload.state == "cancelled":
                self._files.remove(upload_id)
            elif path.suffix:
                path.unlink(missing_ok=True)

    def forgotten_media(self) -> None:
        """Delete folders of videos that are no more."""
        for path in self._media.iterdir():
            video_id = path.name.removeprefix(".").partition(".")[0]  # `.<video id>.…` is one in the making
            if self._state(video_id) in {None, "cancelled", "error"}:
                shutil.rmtree(path, ignore_errors=True)

    def _state(self, video_id: str) -> str | None:
        with self._database.read() as session:
            return session.scalar(select(Video.status).where(Video.id == video_id))


def _old(folder: Path) -> Iterator[Path]:
    """Files nobody has written to for an hour."""
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_mtime < time.time() - YOUNG:
            yield path


def _drop_old(session: Session, before: datetime) -> None:
    session.execute(delete(JobRow).where(JobRow.kind == KIND, JobRow.done_at < before))
