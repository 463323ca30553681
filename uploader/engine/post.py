"""Post: publish, exactly once."""

from pydantic import ValidationError

from uploader.engine.job import Job
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
    request = _request(work.job)
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


def _request(job: Job) -> PostRequest:
    try:
        return PostRequest(
            content=job.draft.text,
            video_id=known(job.ticket).video_id,
            community_id=job.draft.community_id,
            type="video",
        )
    except ValidationError as error:
        raise PostRefused(
            str(error),
            title="The text is too long",
            hint="The video is safe on the server. Shorten the text, then post again.",
        ) from error
