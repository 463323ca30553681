"""Nothing that was taken is lost, and nothing is written out of order."""

import threading

import anyio
import pytest
from anyio import CapacityLimiter

from uploader.backend.providers.local.behind import ENOUGH, Behind

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("bytes on their way to the disk")]


class Disk:
    """Takes its time: a write ends once `go` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.held = b""
        self.writes = 0
        self.error = error
        self.go, self.begun = threading.Event(), threading.Event()

    def write(self, data: bytes | bytearray) -> None:
        self.begun.set()
        assert self.go.wait(60)
        if self.error:
            raise self.error
        self.held += data
        self.writes += 1


@pytest.mark.parametrize("length", [1, 1000, ENOUGH - 1, ENOUGH, ENOUGH + 1, 3 * ENOUGH])
async def test_all_of_it_in_order_and_not_in_crumbs(length: int):
    disk = Disk()
    disk.go.set()
    pieces = [bytes([number]) * length for number in range(5)]
    async with Behind(disk.write, CapacityLimiter(1)) as behind:
        for piece in pieces:
            await behind.take(piece)
    assert disk.held == b"".join(pieces)
    assert disk.writes <= 1 + 5 * length // ENOUGH


async def test_more_is_taken_while_the_disk_is_busy():
    disk = Disk()
    async with Behind(disk.write, CapacityLimiter(1)) as behind:
        await behind.take(b"a" * ENOUGH)
        await behind.take(b"b" * (ENOUGH - 1))  # would wait for ever if it waited for the disk
        disk.go.set()
    assert disk.held == b"a" * ENOUGH + b"b" * (ENOUGH - 1)


async def test_what_was_taken_is_written_even_if_whoever_brought_it_stops_waiting():
    disk = Disk()
    async with Behind(disk.write, CapacityLimiter(1)) as behind:
        await behind.take(b"a" * ENOUGH)
        await anyio.to_thread.run_sync(disk.begun.wait)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await behind.take(b"b" * ENOUGH)
        assert scope.cancelled_caught
        disk.go.set()
    assert disk.held == b"a" * ENOUGH + b"b" * ENOUGH


@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_full_disk_is_said(pieces: int):
    async def pour() -> None:
        async with Behind(disk.write, CapacityLimiter(1)) as behind:
            for _ in range(pieces):
                await behind.take(b"a" * ENOUGH)

    disk = Disk(OSError("full"))
    disk.go.set()
    with pytest.raises(OSError, match="full"):
        await pour()
