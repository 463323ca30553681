"""The upload limit: exact by a clock that stands still, and kept on a real line by the host's own count."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.served import Stage
from tests.engine.still_time import StillTime
from tests.engine.upload_host import UploadHost
from uploader.engine import limit
from uploader.engine.http import upload_client
from uploader.engine.limit import Limiter
from uploader.engine.rate import LEAST, Pace
from uploader.engine.transfer import Watch, carry
from uploader.protocols import PROTOCOLS
from uploader.wire import ChunkRules, Ticket

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


async def send(limiter: Limiter, count: int) -> list[int]:
    """What leaves, piece by piece."""
    pieces = []
    while count:
        pieces.append(await limiter.granted(count))
        count -= pieces[-1]
    return pieces


@pytest.mark.parametrize("rate", [1000, 20_000, 1_000_000, 12_500_000])
async def test_over_thirty_seconds_it_is_exact_and_every_piece_is_small(rate: int):
    clock = StillTime().clock
    limiter = Limiter(clock)
    limiter.set(rate)
    pieces: list[int] = []
    while clock.monotonic() < 30:
        pieces.append(await limiter.granted(MIB))
    assert sum(pieces) / clock.monotonic() == pytest.approx(rate, rel=0.01, abs=limit.LEAST / 30)
    assert max(pieces) <= limit.MOST == 64 * 1024


async def test_in_no_second_is_there_more_than_a_little_too_much():
    clock = StillTime().clock
    limiter = Limiter(clock)
    limiter.set(1_000_000)
    left: list[tuple[float, int]] = []
    while clock.monotonic() < 10:
        size = await limiter.granted(MIB)
        left.append((clock.monotonic(), size))
    for start in range(10):
        second = sum(size for at, size in left if start <= at < start + 1)
        assert second == pytest.approx(1_000_000, abs=2 * limit.MOST)


async def test_what_an_answer_took_is_made_up_for_but_not_a_whole_pause():
    time = StillTime()
    limiter = Limiter(time.clock)
    limiter.set(100_000)
    await send(limiter, 100_000)
    time.advance(0.3)
    begun = time.clock.monotonic()
    await send(limiter, 100_000)
    assert time.clock.monotonic() - begun == pytest.approx(0.7, abs=0.1)
    time.advance(3600)
    begun = time.clock.monotonic()
    await send(limiter, 100_000)
    assert time.clock.monotonic() - begun == pytest.approx(1 - limit.CREDIT, abs=0.1)


async def test_without_a_limit_everything_leaves_at_once_and_uncut():
    time = StillTime()
    assert await send(Limiter(time.clock), 4 * MIB) == [4 * MIB]
    assert time.waits == []


async def test_all_transfers_share_it_and_none_is_left_behind():
    clock = StillTime().clock
    limiter = Limiter(clock)
    limiter.set(1_000_000)
    sent = [0, 0, 0]

    async def transfer(number: int) -> None:
        while clock.monotonic() < 10:
            sent[number] += await limiter.granted(limit.MOST)

    await asyncio.gather(*map(transfer, range(3)))
    assert sum(sent) == pytest.approx(10_000_000, rel=0.02)
    assert max(sent) - min(sent) <= 2 * limit.MOST


@pytest.mark.parametrize(("to", "seconds"), [(None, 0), (50_000, 2), (1000, 100)])
async def test_what_waits_for_its_turn_is_woken_by_another_limit(to: int | None, seconds: float):
    time = StillTime(flows=False)
    limiter = Limiter(time.clock)
    limiter.set(1000)
    await limiter.granted(1024)
    waiting = [asyncio.ensure_future(send(limiter, 50_000)) for _ in range(2)]
    while not time.sleeping:  # noqa: ASYNC110  (the loop has to turn; there is no event)
        await asyncio.sleep(0)
    begun = time.clock.monotonic()
    limiter.set(to)
    while not all(task.done() for task in waiting):
        await asyncio.sleep(0)
        if time.sleeping:
            time.advance(0.01)
    assert time.clock.monotonic() - begun == pytest.approx(seconds, rel=0.05, abs=0.2)


async def test_one_that_gives_up_its_turn_does_not_hold_up_the_others():
    time = StillTime(flows=False)
    limiter = Limiter(time.clock)
    limiter.set(1000)
    await limiter.granted(1024)
    first = asyncio.ensure_future(limiter.granted(10))
    second = asyncio.ensure_future(limiter.granted(10))
    while not time.sleeping:  # noqa: ASYNC110  (the loop has to turn; there is no event)
        await asyncio.sleep(0)
    first.cancel()
    time.advance(5)
    assert await second == 10


def test_a_chunk_is_what_leaves_in_the_time_a_chunk_should_take():
    limiter = Limiter(StillTime().clock)
    assert limiter.chunk(50 * MIB) == 50 * MIB
    limiter.set(1_000_000)
    assert limiter.chunk(50 * MIB) == 6_000_000
    assert limiter.chunk(MIB) == MIB
    limiter.set(1000)
    assert limiter.chunk(50 * MIB) == LEAST


class Limited:
    """A file on its way to a real host, with a limit."""

    def __init__(self, path: Path, stage: Stage, *, size: int, chunk: int) -> None:
        path.write_bytes(os.urandom(size))
        self.path, self.size = path, size
        self.host = stage.app = UploadHost(size, ChunkRules(default=chunk))
        self.url = f"http://127.0.0.1:{stage.port}/files/1"
        self.limiter = Limiter()
        self.pace = Pace(silence=2, reply=60)
        self.sent: list[int] = []

    async def go(self) -> None:
        ticket = Ticket(
            video_id="v1", upload_url=self.url, provider="local", expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            protocol="tus", chunk=self.host.rules, max_bytes=self.size,
        )  # fmt: skip
        self.pace.begin(self.host.rules.default)
        async with upload_client() as http:
            await carry(
                http,
                self.path,
                PROTOCOLS["tus"](ticket, self.size, {}, lambda: self.limiter.chunk(self.pace.chunk)),
                on_sent=self.sent.append,
                on_checkpoint=lambda _: None,
                check_file=lambda: None,
                watch=Watch(self.pace, limiter=self.limiter),
            )

    async def left(self, count: int) -> None:
        """Wait until so much has left."""
        async with asyncio.timeout(60):
            while not self.sent or self.sent[-1] < count:  # noqa: ASYNC110  (there is no event)
                await asyncio.sleep(0.005)


@pytest.fixture
def limited(tmp_path: Path, stage: Stage) -> Iterator[Limited]:
    made = Limited(tmp_path / "a.mp4", stage, size=3 * MIB, chunk=8 * MIB)
    yield made
    assert bytes(made.host.held) == made.path.read_bytes()
    assert made.host.bytes_received == made.size


async def test_a_real_host_counts_no_more_than_the_limit_and_progress_is_smooth(limited: Limited):
    """Never faster; slower only where the machine is. Slow for its own watchdog, too, and not taken for a stall."""
    limited.limiter.set(MIB)
    begun = time.monotonic()
    await limited.go()
    seconds = time.monotonic() - begun
    assert limited.size / seconds < 1.05 * MIB
    assert seconds > limited.pace.silence
    steps = [after - before for before, after in zip(limited.sent, limited.sent[1:], strict=False)]
    assert len(limited.sent) > 10
    assert max(steps, default=0) < MIB, "told in small steps"


async def test_the_limit_is_changed_in_the_middle_of_a_chunk(limited: Limited):
    limited.limiter.set(20_000)
    task = asyncio.create_task(limited.go())
    await limited.left(1)
    assert limited.sent[-1] < MIB
    limited.limiter.set(1_000_000)
    await limited.left(MIB)
    limited.limiter.set(20_000)
    await limited.left(limited.sent[-1] + 1)
    assert limited.sent[-1] < limited.size
    limited.limiter.set(None)
    await task
    assert limited.pace.rate == 0, "a chunk at several speeds says nothing of any"
