"""What makes a file this file: taken, compared, watched while somebody writes it."""

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.nobody import let_through, no_superuser
from tests.engine.still_time import StillTime
from tests.needs import need
from uploader.engine import fingerprint
from uploader.engine.fingerprint import EDGE, QUIET
from uploader.errors import FileChanged, FileGrowing, FileMissing, FileUnreadable, NotAFile

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(os.urandom(3 * EDGE))
    return path


def test_it_holds_size_time_and_the_hashes_of_both_ends(path: Path) -> None:
    content = path.read_bytes()
    found = fingerprint.take(path)
    assert (found.size, found.mtime_ns) == (len(content), path.stat().st_mtime_ns)
    assert found.head == hashlib.sha256(content[:EDGE]).hexdigest()
    assert found.tail == hashlib.sha256(content[-EDGE:]).hexdigest()


@pytest.mark.parametrize("size", [0, 1, EDGE - 1, EDGE, EDGE + 1])
def test_small_files_have_one_too(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(os.urandom(size))
    found = fingerprint.take(path)
    assert found.size == size
    assert found.tail == hashlib.sha256(path.read_bytes()[-EDGE:]).hexdigest()


def test_the_same_file_passes(path: Path) -> None:
    known = fingerprint.take(path)
    fingerprint.check(path, known)
    fingerprint.verify(path, known)


def test_another_time_is_another_file_for_it_may_be_the_middle_that_changed(path: Path) -> None:
    known = fingerprint.take(path)
    os.utime(path, ns=(1, 2))
    for compare in (fingerprint.check, fingerprint.verify):
        with pytest.raises(FileChanged):
            compare(path, known)


@pytest.mark.parametrize("where", [0, EDGE - 1, -1, -EDGE])
def test_one_other_byte_at_an_end_is_another_file(path: Path, where: int) -> None:
    known = fingerprint.take(path)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(FileChanged):
        fingerprint.verify(path, known)


@pytest.mark.parametrize("size", [3 * EDGE - 1, 3 * EDGE + 1, 0])
def test_another_size_is_another_file(path: Path, size: int) -> None:
    known = fingerprint.take(path)
    os.truncate(path, size)
    for compare in (fingerprint.check, fingerprint.verify):
        with pytest.raises(FileChanged):
            compare(path, known)


def test_what_is_not_there_is_missing(path: Path) -> None:
    known = fingerprint.take(path)
    path.unlink()
    for compare in (fingerprint.check, fingerprint.verify):
        with pytest.raises(FileMissing):
            compare(path, known)
    path.mkdir()
    for compare in (fingerprint.check, fingerprint.verify):
        with pytest.raises(NotAFile):
            compare(path, known)
    with pytest.raises(FileMissing):
        fingerprint.take(path / "below" / "nothing")


def test_what_may_not_be_read_says_so(path: Path) -> None:
    need(sys.platform != "win32", "POSIX permissions")
    let_through(path.parent)
    path.chmod(0)
    with no_superuser(), pytest.raises(FileUnreadable):
        fingerprint.take(path)


# Somebody writes it


@pytest.mark.anyio
async def test_an_old_file_nobody_writes_is_complete_at_once(path: Path) -> None:
    time = StillTime(flows=False)
    await fingerprint.complete(path, wait=time.clock.wait, now=LATER)
    assert time.waits == []


@pytest.mark.anyio
@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=QUIET - 1), timedelta(days=-1)])
async def test_a_fresh_file_is_looked_at_twice(path: Path, age: timedelta) -> None:
    time = StillTime()
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    await fingerprint.complete(path, wait=time.clock.wait, now=modified + age)
    assert time.waits == [QUIET]


@pytest.mark.anyio
async def test_a_file_that_grows_between_two_looks_is_not_complete(path: Path) -> None:
    async def grow(_: float) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(FileGrowing):
        await fingerprint.complete(path, wait=grow, now=datetime.fromtimestamp(path.stat().st_mtime, UTC))


@pytest.mark.anyio
async def test_a_drive_that_does_not_answer_holds_nobody_else_up(path: Path) -> None:
    answers = threading.Event()

    class Far(type(path)):  # type: ignore[misc]  # the kind of path this system has
        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            assert answers.wait(60)
            found: os.stat_result = super().stat(follow_symlinks=follow_symlinks)
            return found

    waiting = asyncio.create_task(fingerprint.complete(Far(path), wait=asyncio.sleep, now=LATER))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not waiting.done()
    answers.set()
    await waiting


@pytest.mark.parametrize("mode", ["ab", "r+b", "wb"])
def test_a_file_open_for_writing_in_another_process_is_seen(path: Path, mode: str) -> None:
    need(sys.platform == "linux", "/proc")
    program = f"f = open({str(path)!r}, {mode!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        assert fingerprint.written_by_somebody(path)
        writer.communicate("\n")
    assert not fingerprint.written_by_somebody(path)


@pytest.mark.anyio
@pytest.mark.parametrize(("idle", "grows"), [(fingerprint.IDLE - 1, True), (fingerprint.IDLE + 1, False)])
async def test_a_program_that_has_not_written_for_long_does_not_hold_a_file_up(
    path: Path, idle: float, grows: bool
) -> None:
    need(sys.platform == "linux", "/proc")
    time = StillTime()
    now = datetime.fromtimestamp(path.stat().st_mtime, UTC) + timedelta(seconds=idle)
    with path.open("r+b"), pytest.raises(FileGrowing) if grows else nullcontext():
        await fingerprint.complete(path, wait=time.clock.wait, now=now)


def test_a_file_open_for_reading_does_not_count(path: Path) -> None:
    with path.open("rb"):
        assert not fingerprint.written_by_somebody(path)
    assert not fingerprint.written_by_somebody(path.with_name("nothing"))
