from datetime import datetime, timedelta

import pytest

from uploader.cli.moment import moment

NOW = datetime(2026, 11, 22, 14, 40).astimezone()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("18:00", datetime(2026, 11, 22, 18).astimezone()),
        ("14:40", datetime(2026, 11, 23, 14, 40).astimezone()),
        ("09:05", datetime(2026, 11, 23, 9, 5).astimezone()),
        ("2026-11-24 18:00", datetime(2026, 11, 24, 18).astimezone()),
        ("2026-11-24T18:00", datetime(2026, 11, 24, 18).astimezone()),
        ("2026-11-24T18:00+05:00", datetime.fromisoformat("2026-11-24T13:00+00:00")),
        ("2020-01-01", datetime(2020, 1, 1).astimezone()),
        (" NOW ", None),
    ],
)
def test_a_time_is_understood_as_it_is_typed(words: str, meant: datetime | None):
    assert moment(words, NOW) == meant


@pytest.mark.parametrize("words", ["", "soon", "25:00", "2026-13-01", "tomorrow 18:00"])
def test_what_is_no_time_is_refused(words: str):
    with pytest.raises(ValueError, match=r".*"):
        moment(words, NOW)


def test_an_hour_that_is_over_is_tomorrows():
    found = moment("14:39", NOW)
    assert found is not None
    assert timedelta(hours=23) < found - NOW < timedelta(hours=24)
