"""Process: wait while the server makes the video watchable; it says so by itself, or is asked."""

from uploader.engine.handover import hand_over
from uploader.engine.job import Processing
from uploader.engine.news import Ear
from uploader.engine.work import Work, known
from uploader.errors import ProcessingFailed, UploadForgotten, VideoGone
from uploader.wire import VideoProblem, VideoStatus

SOONEST = 2.0
LATEST = 30.0
SLOWER = 1.5

PATIENCE = 600.0
"""Seconds after which a server that still waits for bytes it has confirmed is taken at its word."""


async def process(work: Work) -> None:
    """Leaves the address where the video plays. Meanwhile a server that publishes by itself gets the post."""
    video_id = known(work.job.ticket).video_id
    with work.news.about(video_id, work.clock) as ear:
        await _wait(work, video_id, ear)


async def _wait(work: Work, video_id: str, ear: Ear) -> None:
    """What the stream says counts as a reply does. Without a stream, or lest it be wrong, we ask."""
    began = work.clock.monotonic()
    pause = SOONEST
    said: VideoStatus | None = None
    while True:
        said = said or await work.backend.status(video_id)
        match said.status:
            case "ready":
                work.learn(watch_url=said.watch_url or said.playback_url, processing=None)
                return
            case "error":
                raise _failed(said.error)
            case "cancelled":
                raise VideoGone
            case "uploading" if work.clock.monotonic() - began > PATIENCE:
                raise UploadForgotten("the server still waits for bytes that it has confirmed")
        await hand_over(work)
        now = Processing(said.stage or "", said.percent, said.queue_position)
        if now != work.job.processing:
            work.learn(processing=now)
            pause = SOONEST
        said = await ear.hear(LATEST if ear.live else pause)
        if said is None:
            pause = min(pause * SLOWER, LATEST)


def _failed(problem: VideoProblem | None) -> ProcessingFailed:
    if problem is None:
        return ProcessingFailed()
    return ProcessingFailed(problem.code, title=problem.message or None, hint=problem.action or None)
