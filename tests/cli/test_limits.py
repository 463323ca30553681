"""The upload limit and the schedule, from a terminal."""

import pytest
import typer

from tests.cli.terminal import Terminal
from uploader import settings
from uploader.cli import limits
from uploader.paths import Paths
from uploader.settings import Settings
from uploader.uplink import Week

MBIT = 125_000


@pytest.fixture
def settled(at_terminal: Terminal) -> Terminal:
    """Somebody who has chosen a server; nobody needs to reach it."""
    settings.save(Paths.of_user().settings, Settings(server="http://127.0.0.1:9"))
    return at_terminal


def kept() -> Settings:
    return settings.load(Paths.of_user().settings)


def test_a_limit_is_kept_and_said(settled: Terminal):
    said = settled.run("limit", "4Mbit/s", "--at-once", "2").stdout
    assert said == "Now: 4 Mbit/s\nAt once: 2\n"
    assert (kept().limit, kept().slots) == (4 * MBIT, 2)
    (held,) = settled.objects("limit", "--for-an-hour")
    assert (held["now"], held["by"], held["limit"]) == (None, "hour", 4 * MBIT)
    assert kept().full_speed_until is not None
    (held,) = settled.objects("limit", "off", "--no-hour")
    assert (held["now"], held["by"], held["limit"], held["slots"]) == (None, "limit", None, 2)


def test_a_schedule_is_written_followed_and_shown(settled: Terminal):
    said = settled.run("schedule", "all", "all", "pause").stdout.splitlines()
    assert said[0] == "Mon  00–24 pause"
    assert said[7] == "Now: pause (schedule)"
    (held,) = settled.objects("schedule", "mon-fri", "8-18", "500kB/s")
    assert held["schedule"][4:6] == ["0 pause, 8 500000, 18 pause", "0 pause"]
    assert kept().scheduled
    settled.objects("limit", "off")
    said = settled.run("schedule").stdout.splitlines()
    assert said[0] == "Mon  00–08 pause · 08–18 4 Mbit/s · 18–24 pause"
    assert said[7] == "Not in use: `reelferry limit scheduled` follows it."


def test_half_a_schedule_is_wrong_usage(settled: Terminal):
    done = settled.run("schedule", "mon", "8-18")
    assert done.returncode == 2
    assert "Give days, hours and a speed." in done.stderr


def test_what_is_no_speed_is_refused():
    for refuse in (lambda: limits.changes("fast", None), lambda: limits.cell("0 MB/s")):
        with pytest.raises(typer.BadParameter):
            refuse()


@pytest.mark.parametrize(
    ("days", "hours", "expected"),
    [
        ("mon", "0-1", [0]),
        ("sat,sun", "23-24", [5 * 24 + 23, 6 * 24 + 23]),
        ("sat-mon", "0-1", [0, 5 * 24, 6 * 24]),
        ("tue", "22-1", [24 + 22, 24 + 23, 24]),
        ("all", "all", list(range(168))),
    ],
)
def test_days_and_hours_are_understood(days: str, hours: str, expected: list[int]):
    assert limits.places(days, hours) == expected
    assert limits.cell("full") is None
    assert limits.cell("pause") == 0
    assert Week().with_cells(expected, limits.cell("8 Mbit/s")).cells.count(8 * MBIT) == len(expected)


@pytest.mark.parametrize(
    ("days", "hours"), [("monday", "all"), ("mon-", "25-26"), ("all", "8"), ("all", "8-25"), ("", "all")]
)
def test_what_names_no_hours_is_refused(days: str, hours: str):
    with pytest.raises(typer.BadParameter):
        limits.places(days, hours)
