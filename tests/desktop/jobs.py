"""Made-up jobs in every state a row can show."""
# ruff: noqa: ANN401  (changes are fields of Job, each of its own type)

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from uploader.engine.job import Draft, Handover, Job, Processing, Status, Step, Trouble
from uploader.wire import OwnPost, PublishRequest

NOW = datetime(2026, 11, 22, 14, 40, tzinfo=UTC)
GB = 1_000_000_000


def a_job(number: int = 1, **changes: Any) -> Job:
    """A job with its own id, freshly added."""
    job = Job(f"{number:032x}", Path(f"/videos/clip {number}.mp4"), 4 * GB, f"Clip {number}", NOW)
    return replace(job, **changes)


def uploading(number: int = 1, **changes: Any) -> Job:
    """On its way: 61 % sent, 60 % confirmed."""
    moving = {"step": Step.TRANSFER, "status": Status.RUNNING, "sent": 2_440_000_000, "confirmed": 2_400_000_000}
    return a_job(number, **{**moving, "rate": 18e6, "duration": 754.0, **changes})


def posted(number: int = 1, **changes: Any) -> Job:
    """All done."""
    done = {"step": Step.DONE, "status": Status.FINISHED, "confirmed": 4 * GB, "sent": 4 * GB, "sealed": True}
    more = {
        "watch_url": f"https://films.example/watch/{number}",
        "post_id": "p",
        "finished_at": NOW - timedelta(minutes=8),
    }
    return a_job(number, **{**done, **more, "draft": Draft("Off the boat at six.", None, approved=True), **changes})


def failed(number: int = 1, trouble: Trouble | None = None, **changes: Any) -> Job:
    """Stopped for good until a person acts."""
    why = trouble or Trouble(
        "file_changed", "The file changed on disk", "Upload the new version from the start, or put the old one back."
    )
    return a_job(number, **{"step": Step.TRANSFER, "status": Status.FAILED, "trouble": why, **changes})


def processing(number: int = 1, **changes: Any) -> Job:
    """The server has it all and works on it."""
    told = Processing("transcoding", 40.0, None)
    return a_job(number, **{"step": Step.PROCESS, "status": Status.RUNNING, "processing": told, **changes})


def handed(job: Job, *, told: Draft | None = None, state: str | None = "waiting", waits_for: str | None = None) -> Job:
    """The same job after the server was given its post: it has `told`, and said `state`; None: no answer yet."""
    said = None if state is None else OwnPost.model_validate({
        "id": "p", "state": state, "content": "", "type": "video", "video_id": "v", "community_id": None,
        "created_at": NOW, "updated_at": NOW, "waits_for": waits_for, "min_height": job.draft.min_height,
    })  # fmt: skip
    return replace(job, handover=Handover(PublishRequest(), told or job.draft, said), handovers=1)
