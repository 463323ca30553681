"""The `end_abandoned` job, every hour: ends uploads of which no provider will ever tell.

Those whose provider is asked end when it is asked, and the local provider ends its own. What is left was never granted,
because a server died while it asked, or is at a provider that is not configured any more.
"""

import logging
from datetime import timedelta

from sqlalchemy import or_, select

from uploader.backend import jobs, videos
from uploader.backend.context import Backend
from uploader.backend.store.models import Video, VideoUpload
from uploader.errors import UploadExpired

log = logging.getLogger(__name__)

KIND = "end_abandoned"
EVERY = timedelta(hours=1)
FOREVER = 1_000_000


def handlers(backend: Backend) -> dict[str, jobs.Handler]:
    """The one job, due now."""
    with backend.database.write() as session:
        jobs.enqueue(session, KIND, KIND, {}, max_attempts=FOREVER)

    def end(_lease: jobs.Lease) -> None:
        _end(backend)
        raise jobs.Later(EVERY)

    return {KIND: end}


def _end(backend: Backend) -> None:
    before = backend.clock() - videos.RENEWABLE
    never_granted = VideoUpload.expires_at.is_(None) & (Video.created_at < before)
    given_up = Video.provider.not_in(list(backend.providers)) & (VideoUpload.expires_at < before)
    lost = (
        select(Video.id)
        .join(VideoUpload, VideoUpload.id == Video.id)
        .where(Video.status == "uploading", or_(never_granted, given_up))
    )
    with backend.database.read() as session:
        found = list(session.scalars(lost))
    for video_id in found:
        with backend.database.write() as session:
            over = videos.Sight("error", error=UploadExpired.title, error_code=UploadExpired.code)
            if videos.seen(session, video_id, over, backend.clock()):  # frees it as soon as its provider is back
                log.info("An upload that nobody will finish has ended")
