"""A disk that fills up: what fits is kept, and the answer says what is the matter."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.local.stage import Stage, Wire, served
from uploader import errors
from uploader.backend.providers.local.files import Files

pytestmark = pytest.mark.one_database("bytes on disk: the rows are as for test_videos")

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "reelferry-test", str(folder)]
    mounted = os.name == "posix" and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("may not mount a small file system here; a limit on the file's size stands for it below")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_fits_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    stage = Stage(small_disk, reserve=0)
    filler = small_disk / "filler"
    with served(stage.app) as url, Wire(url) as wire:
        upload = stage.grant(6 * MIB)
        wire.patch(upload, 0, b"a" * MIB)
        filler.write_bytes(b"f" * (4 * MIB))
        data = iter([b"a" * (MIB // 2)] * 10)  # of no announced length, so that the disk fills in the middle
        reply = wire.patch(upload, MIB, data)  # type: ignore[arg-type]
        assert (reply.status_code, reply.json()["code"]) == (507, "disk_full")
        offset = wire.offset(upload)
        assert MIB < offset < 6 * MIB
        assert int(reply.headers["upload-offset"]) == offset
        early = wire.patch(upload, offset, b"a" * (6 * MIB - offset))
        assert (early.status_code, early.json()["code"]) == (507, "disk_full")
        assert wire.offset(upload) == offset
        filler.unlink()
        assert wire.patch(upload, offset, b"a" * (6 * MIB - offset)).status_code == 204
        assert stage.bytes_of(upload) == b"a" * (6 * MIB)
    stage.database.close()


def test_a_file_that_may_not_grow_keeps_what_fits(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    upload = stage.grant(6 * MIB)
    prelude = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))"
    program = f"{prelude}; from tests.backend.local.tus_process import main; main()"
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as child:
        assert child.stdout
        with Wire(f"http://127.0.0.1:{child.stdout.readline().strip()}") as wire:
            reply = wire.patch(upload, 0, b"a" * (6 * MIB))
            assert (reply.status_code, reply.json()["code"]) == (507, "disk_full")
            assert reply.headers["upload-offset"] == str(3 * MIB)
            assert wire.offset(upload) == 3 * MIB
        child.kill()
    with served(stage.app) as url, Wire(url) as wire:
        assert wire.patch(upload, 3 * MIB, b"a" * (3 * MIB)).status_code == 204
    assert stage.bytes_of(upload) == b"a" * (6 * MIB)
    stage.database.close()


def test_leave_to_upload_is_refused_where_there_is_no_room(tmp_path: Path) -> None:
    files = Files(tmp_path / "uploads", reserve=1 << 62)
    with pytest.raises(errors.DiskFull) as refused:
        files.require_room(1)
    assert refused.value.code == "disk_full"
    Files(tmp_path / "uploads", reserve=0).require_room(1)
