"""The week and what follows from it: hours on this computer's clock, also when that is put forward or back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from uploader.uplink import DAYS, FULL, HOUR, HOURS, PAUSE, Allowed, Rule, Uplink, Week, parse_rate

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
KATHMANDU = "NPT-5:45"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """This computer stands where the parameter says."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def week(*entries: tuple[int, int, int | None]) -> Week:
    """(day, hour, cell), each for one hour; everything else is without a limit."""
    made = Week()
    for day, hour, cell in entries:
        made = made.with_cells([day * HOURS + hour], cell)
    return made


@pytest.mark.parametrize("zone", [BERLIN], indirect=True)
@pytest.mark.usefixtures("zone")
class TestInBerlin:
    def test_hours_are_those_of_the_clock_on_the_wall(self):
        some = week((0, 13, 5000))
        assert some.at(NOON) == 5000
        assert some.at(NOON - timedelta(seconds=1)) is FULL
        assert some.changes_at(NOON) == NOON + HOUR
        assert some.changes_at(NOON + HOUR) == NOON + timedelta(days=7)

    def test_summer_and_winter_have_the_same_hours(self):
        some = week((0, 13, PAUSE))
        summer = datetime(2026, 7, 6, 11, tzinfo=UTC)
        assert some.at(summer) == PAUSE
        assert some.at(summer - timedelta(minutes=1)) is FULL

    def test_an_hour_that_does_not_exist_is_skipped(self):
        """On 29 March 2026 two o'clock is three o'clock."""
        some = week((6, 2, PAUSE), (6, 3, 5000))
        before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
        assert some.changes_at(before) == datetime(2026, 3, 29, 1, tzinfo=UTC)
        assert some.at(datetime(2026, 3, 29, 1, tzinfo=UTC)) == 5000

    def test_an_hour_that_comes_twice_holds_twice(self):
        """On 25 October 2026 two o'clock comes again after an hour."""
        some = week((6, 2, PAUSE))
        first = datetime(2026, 10, 25, 0, tzinfo=UTC)
        assert some.at(first - timedelta(minutes=1)) is FULL
        assert some.at(first) == some.at(first + timedelta(minutes=119)) == PAUSE
        assert some.changes_at(first) == first + timedelta(hours=2)


@pytest.mark.parametrize("zone", [KATHMANDU], indirect=True)
@pytest.mark.usefixtures("zone")
def test_hours_begin_at_odd_quarters_where_they_do():
    some = week((0, 18, PAUSE))
    assert some.changes_at(NOON) == datetime(2026, 11, 23, 12, 15, tzinfo=UTC)


def test_what_is_the_same_all_week_never_changes():
    assert Week().changes_at(NOON) is None
    assert Week((5000,) * (DAYS * HOURS)).changes_at(NOON) is None


def test_a_week_is_written_as_a_line_a_day_and_read_back():
    some = week((0, 0, PAUSE), (0, 8, 500_000), (6, 23, 1000))
    lines = some.lines()
    assert lines[0] == "0 pause, 1 full, 8 500000, 9 full"
    assert lines[1] == "0 full"
    assert lines[6] == "0 full, 23 1000"
    assert Week.parse(lines) == some


@pytest.mark.parametrize(
    "line",
    ["", "1 full", "0", "0 fast", "0 full, 24 pause", "0 full, 8 pause, 8 full", "8 full, 0 pause", "0 -5", "0 7"],
)
def test_a_line_that_is_no_day_is_refused(line: str):
    with pytest.raises(ValueError):  # noqa: PT011  (whatever it says)
        Week.parse([line] * DAYS)


def test_the_hour_comes_before_the_schedule_and_the_schedule_before_the_limit():
    some = Uplink(limit=7000, schedule=Week((PAUSE,) * (DAYS * HOURS)))
    assert some.allowed(NOON) == Allowed(7000, Rule.LIMIT)
    scheduled = Uplink(limit=7000, scheduled=True, schedule=some.schedule)
    assert scheduled.allowed(NOON) == Allowed(PAUSE, Rule.SCHEDULE)
    until = NOON + HOUR
    hurried = Uplink(limit=7000, scheduled=True, schedule=some.schedule, full_speed_until=until)
    assert hurried.allowed(NOON) == Allowed(FULL, Rule.HOUR, until)
    assert hurried.allowed(until) == Allowed(PAUSE, Rule.SCHEDULE)


def test_an_hour_that_lasts_longer_is_no_hour():
    """The clock was put back, or was wrong when it began."""
    some = Uplink(limit=7000, full_speed_until=NOON + timedelta(hours=2))
    assert some.allowed(NOON) == Allowed(7000, Rule.LIMIT)


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        ("4 Mbit/s", 500_000), ("8mbit", 1_000_000), ("500 kB/s", 500_000), ("1.5MB/s", 1_500_000),
        ("1,5 MB/s", 1_500_000), ("1 Gbit/s", 125_000_000), ("2000 B/s", 2000), (" 10 Mbit/s ", 1_250_000),
    ],
)  # fmt: skip
def test_a_speed_is_understood_as_people_write_it(words: str, rate: int):
    assert parse_rate(words) == rate


@pytest.mark.parametrize(
    "words", ["", "fast", "4", "-1 MB/s", "0 MB/s", "1 kbit/s", "4 Mbit/min", "1 TB/s", "1e3 MB/s"]
)
def test_what_is_no_speed_is_refused(words: str):
    with pytest.raises(ValueError, match="is "):
        parse_rate(words)
