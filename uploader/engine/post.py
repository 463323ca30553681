"""Post: publish, exactly once."""

from uploader.engine.work import Work, known
from uploader.errors import PostRefused, ProcessingFailed, Refused, VideoGone
from uploader.wire import PostRequest

REFUSALS = (PostRefused, Refused, VideoGone, ProcessingFailed)
"""What only a server says that has published nothing. After anything else the post may be out."""


async def post(work: Work) -> None:
    """Leaves the post's id.

    The job is sealed, and the seal on disk, before the request leaves: from then on text and key stay what they are, so
    that asking again can only find the same post. The seal is lifted only by a definite no.
    """
    if work.job.post_id is not None:
        return
    if not work.job.sealed:
        work.learn(sealed=True)
    await work.kept()
    job = work.job
    request = PostRequest(
        content=job.draft.text,
        video_id=known(job.ticket).video_id,
        community_id=job.draft.community_id,
        type="video",
    )
    try:
        published = await work.backend.post(request, key=f"{job.id}.post")
    except REFUSALS as error:
        work.learn(sealed=False)
        if type(error) is Refused:
            raise PostRefused(error.detail) from error
        raise
    work.learn(post_id=published.id)
