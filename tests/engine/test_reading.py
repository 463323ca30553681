"""The file is read in order, ahead of whoever wants it, and only while it is the same file."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest

from tests.needs import need
from uploader.engine.reading import Reading, reader
from uploader.errors import FileChanged, FileMissing, ReelferryError
from uploader.protocols import Span

pytestmark = pytest.mark.anyio

KIB = 1024
SIZE = 3 * 1024 * KIB + 7


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def thread() -> Iterator[Executor]:
    with reader() as thread:
        yield thread


def fine() -> None:
    """The file is what it was."""


def piece() -> int:
    """How long pieces are to be."""
    return 256 * KIB


@pytest.fixture(params=["in memory", "on the disk"], autouse=True)
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on the disk":
        monkeypatch.setattr(os, "preadv", not_at_hand)


def not_at_hand(*_: object) -> int:
    raise BlockingIOError


@pytest.mark.parametrize(
    "span",
    [
        Span(0, SIZE),
        Span(0, 1),
        Span(SIZE - 1, 1),
        Span(5, 1024 * KIB),
        Span(1, 2 * 1024 * KIB + 1),
        Span(0, 1024 * KIB),
    ],
)
async def test_pieces_are_the_bytes_of_the_span(path: Path, thread: Executor, span: Span):
    async with Reading(path, fine, thread) as reading:
        pieces = [piece async for piece in reading.pieces(span, piece)]
    assert b"".join(pieces) == path.read_bytes()[span.start : span.start + span.length]
    assert all(type(piece) is bytes and 0 < len(piece) <= 256 * KIB for piece in pieces)


async def test_the_length_of_a_piece_may_change_on_the_way_and_is_a_mib_at_most(path: Path, thread: Executor):
    lengths: list[int] = []
    async with Reading(path, fine, thread) as reading:
        async for piece in reading.pieces(Span(0, SIZE), lambda: 9 * 1024 * KIB if lengths else 64 * KIB):
            lengths.append(len(piece))  # noqa: PERF401  (the next length depends on it)
    assert sum(lengths) == SIZE
    assert lengths[0] == 64 * KIB
    assert 64 * KIB < max(lengths) <= 1024 * KIB


async def test_more_than_there_is_is_a_changed_file(path: Path, thread: Executor):
    async with Reading(path, fine, thread) as reading:
        with pytest.raises(FileChanged):
            assert [len(piece) async for piece in reading.pieces(Span(SIZE - 10, 11), piece)]


async def test_a_file_that_is_not_there_is_missing(tmp_path: Path, thread: Executor):
    with pytest.raises(FileMissing):
        async with Reading(tmp_path / "gone", fine, thread):
            pass


async def test_what_the_check_says_stops_everything(path: Path, thread: Executor):
    class Stop(ReelferryError):
        title = "Stop"

    def check() -> None:
        raise Stop

    with pytest.raises(Stop):
        async with Reading(path, check, thread):
            pass


async def test_a_file_edited_between_two_reads_is_noticed(path: Path, thread: Executor):
    async with Reading(path, fine, thread) as reading:
        pieces = reading.pieces(Span(0, SIZE), piece)
        await anext(pieces)
        with path.open("r+b") as file:
            file.seek(SIZE - 1)
            file.write(b"!")
        os.utime(path, ns=(0, 0))
        with pytest.raises(FileChanged):
            assert [len(piece) async for piece in pieces]


def times_open(path: Path) -> int:
    """How often this process has the file open; what else it has open comes and goes."""
    need(Path("/proc/self/fd").exists(), "/proc")
    return sum(os.path.realpath(entry) == str(path) for entry in Path("/proc/self/fd").iterdir())


async def test_nothing_stays_open(path: Path, thread: Executor):
    for _ in range(20):
        async with Reading(path, fine, thread) as reading:
            await anext(reading.pieces(Span(0, SIZE), piece))
            assert times_open(path) == 1
        thread.submit(int).result()  # after whatever it still had to do
        assert times_open(path) == 0
