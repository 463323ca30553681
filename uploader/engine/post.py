"""Post: published exactly once, by the server if it does that by itself, else from here."""

from datetime import datetime

from uploader.engine.handover import REFUSALS, checked, follow, hand_over
from uploader.engine.job import Job
from uploader.engine.work import Work, known
from uploader.errors import PostRefused, Refused
from uploader.wire import PostRequest

A_MINUTE = 60.0
"""Seconds between two looks at the clock, which may be set meanwhile, and at what the server offers."""


async def post(work: Work) -> None:
    """Leaves the post's id.

    What goes out from here is sealed, and the seal on disk, before the request leaves: from then on text and key stay
    what they are, so that asking again can only find the same post. The seal is lifted only by a definite no.
    """
    if work.job.post_id is not None:
        return
    await _in_time(work)
    if work.job.handover is not None:
        await follow(work)
        return
    request = checked(lambda: _request(work.job))
    if not work.job.sealed:
        work.learn(sealed=True)
    await work.kept()
    try:
        published = await work.backend.post(request, key=f"{work.job.id}.post")
    except REFUSALS as error:
        work.learn(sealed=False)
        if type(error) is Refused:
            raise PostRefused(error.detail) from error
        raise
    work.learn(post_id=published.id)


async def _in_time(work: Work) -> None:
    """Return when it is time, or when the server has it. A server that waits by itself is told; for others we wait."""
    if work.job.handover is not None:
        await hand_over(work)
    while work.job.handover is None and not work.job.sealed and (left := _left(work.job, work.clock.now())) > 0:
        await hand_over(work)
        if work.job.handover is None:
            await work.clock.wait(min(left, A_MINUTE))


def _left(job: Job, now: datetime) -> float:
    """Seconds until it may be posted."""
    return (job.draft.publish_at - now).total_seconds() if job.draft.publish_at else 0.0


def _request(job: Job) -> PostRequest:
    return PostRequest(
        content=job.draft.text,
        video_id=known(job.ticket).video_id,
        community_id=job.draft.community_id,
        type="video",
    )
