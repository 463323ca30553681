import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.media import clips
from tests.needs import need
from uploader.errors import MediaFailed, TooLong
from uploader.media import Cancelled, hls, process
from uploader.media.limits import MIB, Limits
from uploader.media.process import converse
from uploader.paths import own_command

PLENTY = Limits(cpu=60, memory=4096 * MIB, file_size=256 * MIB)


def _children() -> set[int]:
    """The children of this process that read video (Linux)."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"media-child" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Takes some seconds to make HLS of."""
    return clips.h264(tmp_path / "film.mp4", 30, (480, 270), pixels="yuv444p")


@pytest.fixture
def request_for(film: Path, tmp_path: Path) -> dict[str, object]:
    (tmp_path / "out").mkdir()
    return {"do": "hls", "path": str(film), "folder": str(tmp_path / "out"), "max_duration": 60}


@pytest.fixture(autouse=True)
def _no_child_survives() -> Iterator[None]:
    yield
    if sys.platform == "linux":
        assert not _children()


@pytest.mark.parametrize(
    "limits",
    [
        Limits(cpu=1, memory=4096 * MIB, file_size=256 * MIB),
        Limits(cpu=60, memory=64 * MIB, file_size=256 * MIB),
        Limits(cpu=60, memory=4096 * MIB, file_size=10_000),
        Limits(cpu=60, memory=4096 * MIB, file_size=256 * MIB, files=5),
    ],
    ids=["processor", "memory", "file size", "files"],
)
def test_a_child_over_its_limits_fails(request_for: dict[str, object], limits: Limits):
    need(sys.platform == "linux", "Linux's limits")
    with pytest.raises(MediaFailed) as failed:
        converse(request_for, limits, timeout=60)
    assert failed.value.detail


@pytest.mark.parametrize(("timeout", "silence"), [(0.1, None), (60, 0.01)], ids=["all in all", "without a word"])
def test_a_child_out_of_time_is_killed(request_for: dict[str, object], timeout: float, silence: float | None):
    with pytest.raises(MediaFailed, match="ran out of time"):
        converse(request_for, PLENTY, timeout=timeout, silence=silence)


def test_a_child_that_falls_silent_and_stays_has_failed_and_is_killed(monkeypatch: pytest.MonkeyPatch):
    mute = "import os, sys; os.close(1); sys.stdin.buffer.read()"
    monkeypatch.setattr(process, "own_command", lambda *_: [sys.executable, "-c", mute])
    monkeypatch.setattr(process, "LINGER", 0.1)
    with pytest.raises(MediaFailed, match="ended with silence"):
        converse({"do": "probe"}, PLENTY, timeout=120)


def test_a_cancelled_conversion_leaves_nothing_behind(film: Path):
    asked = threading.Event()
    with pytest.raises(Cancelled):
        hls(film, film.parent / "out", on_progress=lambda _: asked.set(), cancelled=asked.is_set, max_duration=60)
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_a_failing_listener_leaves_nothing_behind(film: Path):
    def fail(_percent: float) -> None:
        raise RuntimeError("the listener's own trouble")

    with pytest.raises(RuntimeError, match="own trouble"):
        hls(film, film.parent / "out", on_progress=fail, cancelled=lambda: False, max_duration=60)
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_a_child_dies_with_its_parent(request_for: dict[str, object]):
    child = subprocess.Popen(own_command("media-child"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    limits = {"cpu": 60, "memory": 4096 * MIB, "file_size": 256 * MIB}
    child.stdin.write(json.dumps({**request_for, "limits": limits}).encode() + b"\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline()) == {"progress": 0.0}
    child.stdin.close()  # as the system does for a parent that is gone
    assert child.wait(timeout=120) == 1
    child.stdout.close()


def test_the_child_sees_no_secrets_and_leads_its_own_session(film: Path, monkeypatch: pytest.MonkeyPatch):
    need(sys.platform == "linux", "/proc")
    monkeypatch.setenv("WEBHOOK_SECRET", "hush")
    seen: list[tuple[bytes, int, int, str]] = []

    def look(_percent: float) -> None:
        for child in _children():
            folder = Path(f"/proc/{child}")
            environment, limits = (folder / "environ").read_bytes(), (folder / "limits").read_text()
            seen.append((environment, os.getsid(child), child, limits))

    with pytest.raises(Cancelled):
        hls(film, film.parent / "out", on_progress=look, cancelled=lambda: bool(seen), max_duration=60)
    environment, session, child, limits = seen[0]
    assert b"hush" not in environment
    assert b"HOME=" not in environment
    assert session == child
    assert f"Max address space         {4096 * MIB}" in limits
    assert "Max core file size        0" in limits


PEAK = """
import resource, subprocess, sys
request, *command = sys.argv[1:]
with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
    child.stdin.write(request.encode() + b"\\n")
    child.stdin.flush()
    assert child.wait() == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(film: Path) -> float:
    """The most memory that the child had while it made HLS of a film, in MiB."""
    folder = film.with_suffix("")
    folder.mkdir()
    limits = {"cpu": 60, "memory": 4096 * MIB, "file_size": 256 * MIB}
    request = {"do": "hls", "path": str(film), "folder": str(folder), "max_duration": 600, "limits": limits}
    command = [sys.executable, "-c", PEAK, json.dumps(request), *own_command("media-child")]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) / 1024


@pytest.mark.slow
def test_a_long_video_does_not_pile_up_in_memory(tmp_path: Path):
    need(sys.platform == "linux", "ru_maxrss in KiB")
    short, long = (
        peak(clips.h264(tmp_path / f"{seconds}.mp4", seconds, (160, 90), pixels="yuv444p", gop=300))
        for seconds in (10, 40)
    )
    assert long - short < 8, "MiB more for four times the length"


def test_a_video_that_says_it_is_too_long_is_not_begun(film: Path):
    with pytest.raises(TooLong):
        hls(film, film.parent / "out", on_progress=lambda _: None, cancelled=lambda: False, max_duration=29)
    assert not (film.parent / "out").exists()


def test_a_video_that_hides_its_length_is_stopped_when_it_has_gone_on_for_too_long(tmp_path: Path):
    film = clips.vp9(tmp_path / "film.webm", 4, (160, 90))
    content = film.read_bytes()
    duration = content.index(b"\x44\x89\x88")  # an element of eight bytes, which we make a void of nine
    film.write_bytes(content[:duration] + b"\xec\x89" + content[duration + 2 :])
    with pytest.raises(TooLong):
        hls(film, tmp_path / "out", on_progress=lambda _: None, cancelled=lambda: False, max_duration=3)
    hls(film, tmp_path / "out", on_progress=lambda _: None, cancelled=lambda: False, max_duration=5)
