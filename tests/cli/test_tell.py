import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from uploader.cli.tell import Bars, teller
from uploader.engine.commands import job_message, refused_message
from uploader.engine.drop import Refusal
from uploader.engine.job import Job, Processing, Status, Step
from uploader.errors import NotAVideo, Offline

JOB = Job("7f3a91c2ffff", Path("Cut [2].mp4"), 1000, "Cut [2]", datetime(2026, 11, 22, tzinfo=UTC))
UPLOADING = replace(JOB, step=Step.TRANSFER, status=Status.RUNNING, confirmed=610, rate=18_400_000)
REFUSAL = Refusal(Path("notes [x].txt"), NotAVideo())


def test_where_nobody_watches_a_job_is_a_line_a_stage(capsys: pytest.CaptureFixture[str]):
    processing = replace(JOB, step=Step.PROCESS, status=Status.RUNNING)
    with teller(as_json=False, moving=True) as tell:
        for confirmed in (0, 300, 999):
            tell.message(job_message(replace(UPLOADING, confirmed=confirmed)))
        for percent in (None, 1.0, 50.0):
            tell.message(job_message(replace(processing, processing=Processing("transcoding", percent))))
        tell.message(refused_message(REFUSAL))
        tell.error(Offline())
    said = capsys.readouterr()
    assert said.out.splitlines() == ["7f3a91c2  Uploading  Cut [2]", "7f3a91c2  Processing  Cut [2]"]
    assert said.err.splitlines() == [
        "notes [x].txt: This is not a video. Choose another file. [not_a_video]",
        "Waiting for the network. Nothing is lost. It goes on by itself when the connection is back. [offline]",
    ]


def test_for_programs_everything_is_an_object_and_sentences_are_left_out(capsys: pytest.CaptureFixture[str]):
    with teller(as_json=True) as tell:
        tell.message(job_message(UPLOADING))
        tell.say("Added.")
        tell.error(Offline())
    said = capsys.readouterr()
    job, error = (json.loads(line) for line in said.out.splitlines())
    assert (job["title"], job["confirmed"], job["rate"]) == ("Cut [2]", 610, 18_400_000)
    assert error["code"] == "offline"
    assert set(error) == {"error", "code"}
    assert said.err == ""


def test_on_a_terminal_each_job_has_a_bar_that_moves():
    screen = io.StringIO()
    with Progress(console=Console(file=screen, force_terminal=True, width=100), auto_refresh=False) as progress:
        bars = Bars(progress)
        bars.message(job_message(UPLOADING))
        (bar,) = progress.tasks
        assert (bar.percentage, bar.fields["words"]) == (61, "Uploading · 18 MB/s")
        bars.message(job_message(replace(UPLOADING, confirmed=1000, rate=0)))
        (bar,) = progress.tasks
        assert bar.fields["words"] == "Verifying"
        bars.say("Kept.")
    assert "Kept." in screen.getvalue()
