"""Follows videos at providers that must be asked: for whoever wants to know now, and by a job when nobody does.

At most one look a video in the provider's own interval, whoever looks. The job's looks come ever more rarely until the
video moves on; where a provider tells of many videos at once, the job asks about them together.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from uploader.backend import jobs, videos
from uploader.backend.context import Backend
from uploader.backend.providers.base import Provider, ProviderFailed, Sight
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, VideoUpload
from uploader.errors import UploadExpired

log = logging.getLogger(__name__)

GROWTH = 1.25
"""Each interval is so many times the one before: news comes late by at most a quarter of the time it took."""

LONGEST = timedelta(minutes=5)
BUSY, IDLE = timedelta(seconds=5), timedelta(seconds=30)
"""Between two rounds of the job, while there is something to follow and while there is nothing."""

REFUSED = frozenset({401, 403})
FOREVER = 1_000_000


def follow(backend: Backend, video: Video) -> bool:
    """Ask the video's own provider how it is, unless it was asked just now, and apply what it says.

    True: something has changed. A provider that does not answer changes nothing. No transaction is open meanwhile.
    """
    provider, upload_id = backend.providers.get(video.provider), video.provider_upload_id
    if provider is None or provider.look_every is None or upload_id is None or video.status not in videos.UNFINISHED:
        return False
    if not turns(backend.database, provider, [video], backend.clock()):
        return False
    try:
        sight = provider.look(upload_id, video.provider_asset_id)
    except ProviderFailed as error:
        log.log(error.level, "Asking how a video is: %s", error)
        return False
    return sight is not None and _apply(backend, video, sight)


def handlers(backend: Backend) -> dict[str, jobs.Handler]:
    """One kind of job for each provider that must be asked, so that a slow one keeps no other waiting."""
    asked = [provider for provider in backend.providers.values() if provider.look_every is not None]
    with backend.database.write() as session:
        for provider in asked:
            jobs.enqueue(session, kind(provider.name), kind(provider.name), {}, max_attempts=FOREVER)
    return {kind(provider.name): Follower(backend, provider) for provider in asked}


def hasten(session: Session, provider: Provider, video_id: str, moment: datetime) -> None:
    """Have the job look at this video as soon as its provider may be asked again."""
    session.execute(update(Video).where(Video.id == video_id).values(look_after=None, updated_at=Video.updated_at))
    session.execute(update(JobRow).where(JobRow.key == kind(provider.name)).values(run_at=moment))


def kind(provider: str) -> str:
    """The kind, and the key, of the one job that follows this provider's videos."""
    return f"follow_{provider}"


class Follower:
    """Does the job of one provider: looks at what nobody has looked at for its time, and comes again."""

    def __init__(self, backend: Backend, provider: Provider) -> None:
        self._backend = backend
        self._provider = provider
        self._unsaid: set[str] = set()

    def __call__(self, lease: jobs.Lease) -> None:
        """One round; it always ends with `Later`."""
        try:
            for group in self._groups():
                if not lease.keep():
                    break
                self._look(group)
        except ProviderFailed as error:
            log.log(error.level, "Following videos: %s", error)
            raise jobs.Later(max(IDLE, timedelta(seconds=error.retry_after or 0))) from error
        raise jobs.Later(BUSY if self._any() else IDLE)

    def _look(self, group: Sequence[Video]) -> None:
        """Raises ProviderFailed where looking at other videos would end the same way."""
        ours = turns(self._backend.database, self._provider, group, self._backend.clock())
        asked = {str(video.provider_upload_id): video for video in ours}
        if not asked:
            return
        sights: dict[str, Sight] = {}
        try:
            sights |= self._provider.look_together(list(asked)) if len(asked) > 1 else self._one(*asked.items())
        except ProviderFailed as error:
            if error.passing or error.status in REFUSED:
                raise
            log.log(error.level, "Following a video: %s", error)
        for upload_id, video in asked.items():
            if upload_id in sights:
                _apply(self._backend, video, sights[upload_id])
            else:
                self._unsaid.add(video.id)

    def _one(self, turn: tuple[str, Video]) -> dict[str, Sight]:
        upload_id, video = turn
        sight = self._provider.look(upload_id, video.provider_asset_id)
        return {} if sight is None else {upload_id: sight}

    def _groups(self) -> Iterator[list[Video]]:
        """Together, but for those of which nothing was said when many were asked about: each of them by itself."""
        due = self._due()
        alone = [video for video in due if video.id in self._unsaid]
        together = [video for video in due if video.id not in self._unsaid]
        self._unsaid.clear()
        size = self._provider.most_together
        yield from (together[first : first + size] for first in range(0, len(together), size))
        yield from ([video] for video in alone)

    def _due(self) -> list[Video]:
        moment = self._backend.clock()
        latest = moment - timedelta(seconds=self._provider.look_every or 0)
        due = (
            self._unfinished(),
            or_(Video.looked_at <= latest, Video.looked_at.is_(None) & (Video.created_at <= latest)),
            or_(Video.look_after <= moment, Video.look_after.is_(None)),
        )
        with self._backend.database.read() as session:
            return list(session.scalars(select(Video).where(*due).order_by(Video.looked_at.nulls_first())))

    def _any(self) -> bool:
        with self._backend.database.read() as session:
            return session.scalar(select(Video.id).where(self._unfinished()).limit(1)) is not None

    def _unfinished(self) -> ColumnElement[bool]:
        granted = Video.provider_upload_id.is_not(None)
        return granted & Video.status.in_(videos.UNFINISHED) & (Video.provider == self._provider.name)


def turns(
    database: Database,
    provider: Provider,
    wanted: Sequence[Video],
    moment: datetime,
    states: Collection[str] = videos.UNFINISHED,
) -> list[Video]:
    """The compare-and-set: those of the videos at which we are to look, and nobody else for a while.

    Whoever wants to call `look` has to have the turn. A video that is in none of the `states` has none to give.
    """
    every = timedelta(seconds=provider.look_every or 0)
    due = [video for video in wanted if video.looked_at is None or video.looked_at <= moment - every]
    if not due:
        return []  # most polls end here, without the write lock
    with database.write() as session:
        return [
            video
            for video in due
            if jobs.changed(
                session.execute(
                    update(Video)
                    .where(
                        Video.id == video.id,
                        Video.status.in_(states),
                        or_(Video.looked_at.is_(None), Video.looked_at <= moment - every),
                    )
                    .values(looked_at=moment, look_after=_next(video, moment, every), updated_at=Video.updated_at)
                )
            )
        ]


def _next(video: Video, moment: datetime, every: timedelta) -> datetime:
    if video.looked_at is None or video.look_after is None:
        return moment + every
    return moment + min(max((video.look_after - video.looked_at) * GROWTH, every), LONGEST)


def _apply(backend: Backend, video: Video, sight: Sight) -> bool:
    with backend.database.write() as session:
        current = session.get(Video, video.id)
        if current is None or current.provider_upload_id != video.provider_upload_id:
            return False  # a new upload took its place while we asked
        wait_for_bytes = sight.state == "uploading" or sight.error_code == "video_gone"
        if current.status == "uploading" and wait_for_bytes:
            sight = _still_waiting(session.get_one(VideoUpload, video.id), backend.clock())
        return videos.seen(session, video.id, sight, backend.clock())


def _still_waiting(upload: VideoUpload, now: datetime) -> Sight:
    """No bytes have come: that is as it should be while the ticket is good, or could be renewed."""
    if upload.expires_at is None or now <= upload.expires_at + videos.RENEWABLE:
        return Sight("uploading")
    return Sight("error", error=UploadExpired.title, error_code=UploadExpired.code)
