"""The tus server is killed in mid-PATCH: nothing that was confirmed is lost, nothing is doubled."""

import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.backend.asking import eventually
from tests.backend.local.stage import Stage, Wire
from tests.backend.local.test_tus_attacks import half_a_patch
from tests.backend.local.test_tus_checksum import checksum

pytestmark = [pytest.mark.slow, pytest.mark.one_database("bytes on disk: the rows are as for test_videos")]

MIB = 1 << 20
DATA = random.Random(7).randbytes(8 * MIB)  # noqa: S311  (bytes that compare well)


@contextmanager
def process(stage: Stage, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The server in a process of its own."""
    command = [sys.executable, "-m", "tests.backend.local.tus_process", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as child:
        try:
            assert child.stdout
            stage.url = f"http://127.0.0.1:{child.stdout.readline().strip()}"
            yield child
        finally:
            child.kill()


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose server is elsewhere."""
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


def served_by(stage: Stage) -> Wire:
    """A client of the server that runs now."""
    return Wire(stage.url)


def test_a_killed_server_goes_on_from_the_bytes_it_has(killed: Stage, tmp_path: Path) -> None:
    upload = killed.grant(len(DATA))
    with process(killed, tmp_path) as child, half_a_patch(killed, upload, len(DATA), DATA[: 5 * MIB]):
        eventually(lambda: killed.files.offset(upload) >= 4 * MIB)
        child.kill()
    with process(killed, tmp_path), served_by(killed) as wire:
        offset = wire.offset(upload)
        assert 4 * MIB <= offset <= 5 * MIB
        assert wire.patch(upload, offset, DATA[offset:]).status_code == 204
    assert killed.bytes_of(upload) == DATA
    assert killed.jobs() == ["transcode"]


def test_a_server_killed_in_a_checked_piece_counts_none_of_it(killed: Stage, tmp_path: Path) -> None:
    upload = killed.grant(len(DATA))
    header = f"Upload-Checksum: {checksum('sha256', DATA)}"
    with process(killed, tmp_path) as child, half_a_patch(killed, upload, len(DATA), DATA[: 5 * MIB], header):
        staged = killed.files.staged(upload)
        eventually(lambda: staged.exists() and staged.stat().st_size >= 4 * MIB)
        child.kill()
    with process(killed, tmp_path), served_by(killed) as wire:
        assert wire.offset(upload) == 0
        assert wire.patch(upload, 0, DATA, Upload_Checksum=checksum("sha256", DATA)).status_code == 204
    assert killed.bytes_of(upload) == DATA
    assert not staged.exists()


def test_two_processes_never_write_to_one_upload_at_once(killed: Stage, tmp_path: Path) -> None:
    upload = killed.grant(len(DATA))
    with process(killed, tmp_path) as _one, half_a_patch(killed, upload, len(DATA), DATA[:MIB]):
        eventually(lambda: killed.files.offset(upload) >= MIB)
        with process(killed, tmp_path), served_by(killed) as wire:
            assert wire.patch(upload, MIB, DATA[MIB:]).status_code == 423


def test_killed_at_random_moments_the_bytes_are_identical(killed: Stage, tmp_path: Path) -> None:
    upload = killed.grant(len(DATA))
    dice = random.Random(11)  # noqa: S311
    for _ in range(3):
        with process(killed, tmp_path) as child:
            start = killed.files.offset(upload)
            goal = min(start + dice.randrange(MIB), len(DATA) - MIB)

            def kill(goal: int = goal, child: subprocess.Popen[str] = child) -> None:
                eventually(lambda: killed.files.offset(upload) >= goal)
                child.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            with contextlib.suppress(httpx.TransportError), served_by(killed) as wire:
                while True:
                    offset = wire.offset(upload)
                    wire.patch(upload, offset, DATA[offset : offset + 300_000])
            killer.join()
    with process(killed, tmp_path), served_by(killed) as wire:
        offset = wire.offset(upload)
        assert wire.patch(upload, offset, DATA[offset:]).status_code == 204
    assert killed.bytes_of(upload) == DATA
    assert killed.jobs() == ["transcode"]
