"""How much of the line uploads may take now: by limit, by schedule, for an hour without, and whatever clocks do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.stand import DEADLINE, Stand, add, job_of
from uploader.engine.allowance import LOOK, PAUSED_BY_SCHEDULE, Allowance
from uploader.engine.clock import Clock
from uploader.engine.facts import Limited
from uploader.engine.job import Status, Step
from uploader.engine.limit import Limiter
from uploader.engine.queue import Queue
from uploader.uplink import FULL, HOUR, HOURS, PAUSE, Rule, Uplink, Week

pytestmark = pytest.mark.anyio
MONDAY = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def week(day: int, *cells: tuple[int, int, int | None]) -> Week:
    """On this day, from hour to hour, this; everything else is without a limit."""
    made = Week()
    for first, last, cell in cells:
        made = made.with_cells(range(day * HOURS + first, day * HOURS + last), cell)
    return made


class Desk:
    """An allowance over a queue of the stand. `wall` is what somebody has put the clock on the wall ahead by."""

    def __init__(self, folder: Path) -> None:
        self.stand = Stand(folder)
        self.stand.time.flows = False
        self.wall = MONDAY - self.stand.time.now
        self.clock = Clock(
            self.stand.time.clock.monotonic, lambda: self.stand.time.now + self.wall, self.stand.time.clock.wait
        )
        self.limiter = Limiter(self.clock)
        self.facts: list[Limited] = []
        self.kept: list[Uplink] = []
        self.queue: Queue
        self.allowance: Allowance

    @asynccontextmanager
    async def open(self, chosen: Uplink, keep: Callable[[Uplink], object] | None = None) -> AsyncIterator[None]:
        """The allowance at work."""
        async with self.stand.queue() as self.queue:
            self.allowance = Allowance(
                chosen,
                self.limiter,
                self.queue,
                emit=self.facts.append,
                keep=keep or self.kept.append,
                clock=self.clock,
            )
            running = asyncio.create_task(self.allowance.run())
            try:
                yield
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def passes(self, length: timedelta) -> None:
        """Time passes, look by look."""
        end = self.stand.time.now + length
        while self.stand.time.now < end:
            await self.settles()
            self.stand.time.advance(min(LOOK, (end - self.stand.time.now).total_seconds()))
        await self.settles()

    async def settles(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_limit_holds_from_the_start_and_a_change_at_once(desk: Desk):
    async with desk.open(Uplink(limit=5000)):
        await desk.allowance.choose(limit=7000, slots=3)
        assert desk.kept == [Uplink(limit=7000, slots=3)]
        await desk.allowance.choose(limit=None)
        assert desk.limiter.rate is None
    assert [fact.now.limit for fact in desk.facts] == [5000, 7000, None]
    assert desk.facts[-1].chosen == Uplink(slots=3)


async def test_the_schedule_pauses_at_the_hour_in_words_and_goes_on_after_it(desk: Desk):
    gate = desk.stand.backend.gates["transfer"] = asyncio.Event()
    chosen = Uplink(scheduled=True, schedule=week(0, (17, 18, 5000), (18, 20, PAUSE)))
    async with desk.open(chosen):
        job = await add(desk.queue, desk.stand.video())
        await desk.stand.until(lambda: job_of(desk.queue, job.id).step is Step.TRANSFER)
        assert desk.limiter.rate == 5000
        await desk.passes(timedelta(minutes=29))
        assert job_of(desk.queue, job.id).status is Status.RUNNING
        await desk.passes(timedelta(minutes=1))
        trouble = job_of(desk.queue, job.id).trouble
        assert trouble is not None
        assert (trouble.code, trouble.title) == (
            PAUSED_BY_SCHEDULE,
            "Uploads pause until 20:00, as your schedule says",
        )
        gate.set()
        await desk.passes(timedelta(hours=2))
        async with asyncio.timeout(DEADLINE):
            while job_of(desk.queue, job.id).status is not Status.FINISHED:
                await desk.passes(timedelta(seconds=1))
    assert [(fact.now.limit, fact.now.by) for fact in desk.facts] == [
        (5000, Rule.SCHEDULE),
        (PAUSE, Rule.SCHEDULE),
        (FULL, Rule.SCHEDULE),
    ]
    assert desk.facts[1].now.until == MONDAY.replace(hour=20, minute=0)


async def test_full_speed_for_an_hour_lifts_the_pause_and_ends_by_itself(desk: Desk):
    async with desk.open(Uplink(scheduled=True, schedule=week(0, (0, 24, PAUSE)))):
        assert desk.facts[-1].now.limit == PAUSE
        await desk.allowance.full_speed(True)
        assert desk.limiter.rate is None
        assert (desk.facts[-1].now.limit, desk.facts[-1].now.by) == (FULL, Rule.HOUR)
        assert desk.kept[-1].full_speed_until == MONDAY + HOUR
        await desk.passes(HOUR - timedelta(seconds=1))
        assert desk.facts[-1].now.by is Rule.HOUR
        await desk.passes(timedelta(seconds=2))
        assert (desk.facts[-1].now.limit, desk.facts[-1].now.by) == (PAUSE, Rule.SCHEDULE)
        await desk.stand.passes(lambda: desk.kept[-1].full_speed_until is None)


async def test_full_speed_can_be_ended_early(desk: Desk):
    async with desk.open(Uplink(limit=5000)):
        await desk.allowance.full_speed(True)
        await desk.allowance.full_speed(False)
        assert desk.limiter.rate == 5000


async def test_full_speed_goes_on_after_a_restart_for_what_is_left_of_the_hour(desk: Desk):
    async with desk.open(Uplink(limit=5000, full_speed_until=MONDAY + timedelta(minutes=10))):
        assert desk.limiter.rate is None
        await desk.passes(timedelta(minutes=11))
        assert desk.limiter.rate == 5000


@pytest.mark.parametrize("minutes", [-24 * 60, -61, -30, -15, 30, 61, 24 * 60])
async def test_however_the_clock_is_set_full_speed_is_over_after_an_hour(desk: Desk, minutes: int):
    async with desk.open(Uplink(limit=5000)):
        await desk.allowance.full_speed(True)
        await desk.passes(timedelta(minutes=20))
        assert desk.facts[-1].now.by is Rule.HOUR
        desk.wall += timedelta(minutes=minutes)
        await desk.passes(timedelta(minutes=40, seconds=LOOK))
        assert desk.limiter.rate == 5000
        await desk.stand.passes(lambda: desk.kept[-1].full_speed_until is None)


async def test_an_hour_that_ends_tomorrow_was_written_by_a_wrong_clock_and_is_forgotten(desk: Desk):
    async with desk.open(Uplink(limit=5000, full_speed_until=MONDAY + timedelta(days=1))):
        await desk.stand.passes(lambda: desk.kept == [Uplink(limit=5000)])


async def test_a_clock_that_is_set_is_noticed(desk: Desk):
    async with desk.open(Uplink(scheduled=True, schedule=week(0, (20, 24, 5000)))):
        assert desk.limiter.rate is None
        await desk.settles()
        desk.wall += timedelta(hours=3)
        await desk.passes(timedelta(seconds=LOOK + 1))
        assert desk.limiter.rate == 5000


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (week(0, (0, 24, PAUSE)), "Uploads pause until 00:00, as your schedule says"),
        (week(0, (0, 24, PAUSE)).with_cells(range(24, 50), PAUSE), "Uploads pause until Wednesday 02:00, as your"),
        (Week((PAUSE,) * 168), "Uploads pause, as your schedule says"),
    ],
)
async def test_a_pause_says_when_it_ends(desk: Desk, schedule: Week, words: str):
    async with desk.open(Uplink(scheduled=True, schedule=schedule)):
        job = await add(desk.queue, desk.stand.video())
        await desk.stand.until(lambda: job_of(desk.queue, job.id).trouble is not None)
        trouble = job_of(desk.queue, job.id).trouble
        assert trouble is not None
        assert trouble.title.startswith(words)


@pytest.mark.loud
async def test_a_choice_that_cannot_be_kept_holds_all_the_same(desk: Desk, caplog: pytest.LogCaptureFixture):
    def full(_: Uplink) -> None:
        raise OSError("disk full")

    async with desk.open(Uplink(), full):
        await desk.allowance.choose(limit=5000)
        assert desk.limiter.rate == 5000
    assert "could not be kept" in caplog.text
