"""Jobs to fill a queue with."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from uploader.engine.job import Draft, Fingerprint, Handover, Job, Processing, Status, Step, Trouble
from uploader.wire import ChunkRules, OwnPost, PublishRequest, Ticket, VideoProblem

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def a_job() -> Job:
    """A job as it is added."""
    number = next(_numbers)
    return Job(uuid.uuid4().hex, Path(f"/videos/film {number}.mp4"), 1000 + number, f"film {number}", NOW)


def a_full_job() -> Job:
    """A job with a value in every field."""
    job = a_job()
    return Job(
        id=job.id,
        path=job.path,
        size=5_000_000_000,
        title="Ein Film – naïve",
        added_at=NOW,
        step=Step.POST,
        status=Status.FAILED,
        sent=5_000_000_000,
        confirmed=5_000_000_000,
        rate=1.5,
        fingerprint=Fingerprint(5_000_000_000, 1_700_000_000_123_456_789, "a" * 64, "b" * 64),
        duration=61.04,
        width=3840,
        height=2160,
        thumbnail=Path(f"/cache/{job.id}.jpg"),
        attempt=3,
        ticket=Ticket(
            video_id="v" * 32,
            upload_url="https://host.example/files/" + "u" * 40,
            provider="local",
            expires_at=NOW + timedelta(hours=6),
            protocol="tus",
            chunk=ChunkRules(min=1, max=None, multiple=1, default=8 * 2**20),
            max_bytes=10**10,
        ),
        resume={"url": "https://host.example/files/x"},
        processing=Processing("transcoding", 12.5, 3),
        draft=Draft("Schön 🎬\nzweite Zeile", "films", approved=True, publish_at=NOW + timedelta(days=1)),
        handover=Handover(
            PublishRequest(content="Schön", video_id="v", publish="when_ready", publish_at=NOW),
            Draft("Schön", approved=True),
            OwnPost(
                id="p",
                state="not_published",
                content="Schön",
                type="video",
                video_id="v",
                community_id=None,
                problem=VideoProblem(code="not_a_member", message="No", action="Choose"),
                created_at=NOW,
                updated_at=NOW,
            ),
        ),
        handovers=2,
        sealed=True,
        watch_url="https://host.example/watch/x",
        post_id="post-1",
        finished_at=NOW,
        trouble=Trouble("post_refused", "The post was not accepted", "Change it.", NOW),
    )
