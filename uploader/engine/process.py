"""Process: wait while the server makes the video watchable."""

from uploader.engine.handover import hand_over
from uploader.engine.job import Processing
from uploader.engine.work import Work, known
from uploader.errors import ProcessingFailed, UploadForgotten, VideoGone
from uploader.wire import VideoProblem

SOONEST = 2.0
LATEST = 30.0
SLOWER = 1.5

PATIENCE = 600.0
"""Seconds after which a server that still waits for bytes it has confirmed is taken at its word."""


async def process(work: Work) -> None:
    """Leaves the address where the video plays. Meanwhile a server that publishes by itself gets the post."""
    video_id = known(work.job.ticket).video_id
    began = work.clock.monotonic()
    pause = SOONEST
    while True:
        said = await work.backend.status(video_id)
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
        await work.clock.wait(pause)
        pause = min(pause * SLOWER, LATEST)


def _failed(problem: VideoProblem | None) -> ProcessingFailed:
    if problem is None:
        return ProcessingFailed()
    return ProcessingFailed(problem.code, title=problem.message or None, hint=problem.action or None)
