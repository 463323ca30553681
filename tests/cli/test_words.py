from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.desktop.jobs import handed
from uploader.cli import words
from uploader.engine.commands import job_message
from uploader.engine.job import Draft, Job, Processing, Status, Step, Trouble

JOB = Job("7f", Path("/films/Harbour.mp4"), 1000, "Harbour", datetime(2026, 11, 22, tzinfo=UTC))
TIMED = Draft("Hi", approved=True, publish_at=datetime(2999, 11, 24, 18).astimezone())
HIGH = Draft("Hi", approved=True, min_height=720)
THEN = "on 2999-11-24 at 18:00"
OFFLINE = Trouble("offline", "Waiting for the network", "Nothing is lost.")
METERED = Trouble("metered", "Paused: this network is metered", "Nothing is lost.")
BROKEN = Trouble("not_a_video", "This is not a video", "Choose another file.")


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (JOB, "Waiting for its turn"),
        (replace(JOB, status=Status.RUNNING), "Checking"),
        (replace(JOB, step=Step.TRANSFER, trouble=OFFLINE), "Waiting for the network"),
        (replace(JOB, trouble=METERED), "Paused: this network is metered (--anyway uploads all the same)"),
        (
            replace(JOB, trouble=replace(OFFLINE, retry_at=datetime(2026, 11, 22, 14, 3).astimezone())),
            "Waiting for the network, tries again at 14:03",
        ),
        (replace(JOB, step=Step.TRANSFER, status=Status.RUNNING, sent=1000, confirmed=999), "Uploading"),
        (replace(JOB, step=Step.TRANSFER, status=Status.RUNNING, confirmed=1000), "Verifying"),
        (replace(JOB, step=Step.PROCESS, status=Status.RUNNING), "Processing"),
        (
            replace(JOB, step=Step.PROCESS, status=Status.RUNNING, processing=Processing("transcoding", 40.2)),
            "Processing (step 2 of 3, 40 %)",
        ),
        (replace(JOB, step=Step.POST), "Ready"),
        (replace(JOB, step=Step.POST, status=Status.RUNNING, draft=Draft("Hi", approved=True)), "Posting"),
        (
            replace(JOB, step=Step.POST, status=Status.RUNNING, draft=TIMED),
            f"Ready, to be posted {THEN} while Reelferry runs",
        ),
        (handed(replace(JOB, step=Step.POST, draft=TIMED)), f"Ready, posted by the server {THEN}"),
        (
            handed(replace(JOB, step=Step.PROCESS, status=Status.RUNNING, processing=Processing(percent=40.2))),
            "Processing (40 %), posted by the server when it is ready",
        ),
        (handed(replace(JOB, step=Step.POST, draft=HIGH)), "Ready, posted by the server once it plays in 720p"),
        (handed(replace(JOB, status=Status.CANCELLED)), "Cancelled. If it was posted before that, the post stays"),
        (replace(JOB, step=Step.DONE, status=Status.FINISHED), "Posted"),
        (replace(JOB, status=Status.PAUSED), "Paused"),
        (replace(JOB, status=Status.CANCELLED), "Cancelled"),
        (replace(JOB, status=Status.FAILED, trouble=BROKEN), "This is not a video. Choose another file."),
    ],
)
def test_a_job_is_described_in_the_words_of_the_window(job: Job, expected: str):
    assert words.words(job_message(job)) == expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (JOB, 0),
        (replace(JOB, step=Step.TRANSFER, sent=1000, confirmed=610), 61),
        (replace(JOB, size=0), 0),
        (replace(JOB, step=Step.PROCESS, confirmed=1000, processing=Processing(percent=12.5)), 12.5),
        (replace(JOB, step=Step.POST), 100),
    ],
)
def test_percent_counts_what_the_server_holds_or_has_done(job: Job, expected: float):
    assert words.percent(job_message(job)) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_230_000_000, "4.2 GB"), (18_400_000, "18 MB"), (2e15, "2000 TB")],
)
def test_bytes_are_said_as_people_say_them(count: float, expected: str):
    assert words.size(count) == expected


def test_what_is_said_once_a_stage_has_no_numbers_in_it():
    job = handed(replace(JOB, step=Step.PROCESS, status=Status.RUNNING, processing=Processing("transcoding", 40.2)))
    assert words.stage(job_message(job)) == "Processing, posted by the server when it is ready"
    assert words.stage(job_message(replace(job, handover=None))) == "Processing"
