"""The time that is offered for a post."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from uploader.desktop.when import tomorrow_evening


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")  # no zone files are needed for this one
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_berlin")
@pytest.mark.parametrize(
    ("now", "offered"),
    [
        ("2026-11-22T14:40+00:00", "2026-11-23T17:00+00:00"),
        ("2026-11-22T23:30+00:00", "2026-11-24T17:00+00:00"),
        ("2026-03-28T12:00+00:00", "2026-03-29T16:00+00:00"),
        ("2026-10-24T12:00+00:00", "2026-10-25T17:00+00:00"),
    ],
    ids=["any day", "tomorrow here is the day after in UTC", "clocks put forward tonight", "clocks put back tonight"],
)
def test_it_is_tomorrow_at_six_on_this_computer_s_clock(now: str, offered: str):
    assert tomorrow_evening(datetime.fromisoformat(now)) == datetime.fromisoformat(offered)
