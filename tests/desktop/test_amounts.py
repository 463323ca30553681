"""Numbers the way people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from uploader.desktop import amounts


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (812_345, "812 kB"), (999_600, "1.0 MB"),
        (4_240_000, "4.2 MB"), (41_000_000_000, "41 GB"), (4_200_000_000, "4.2 GB"), (9_960_000_000, "10 GB"),
        (5_000_000_000_000, "5.0 TB"),
    ],
)  # fmt: skip
def test_sizes(count: int, words: str):
    assert amounts.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"), (31, "about 40 s"), (55, "about 1 min"), (170, "about 3 min"), (3570, "about 1 h"),
        (7800, "about 2 h 10 min"), (20 * 3600 + 900, "about 20 h"), (5 * 86400, "about 5 days"),
    ],
)  # fmt: skip
def test_guesses_of_time_say_that_they_are_guesses(seconds: int, words: str):
    assert amounts.time_left(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [(5_250_000, "42 Mbit/s"), (500_000, "4.0 Mbit/s"), (3_000, "24 kbit/s"), (200_000_000, "1.6 Gbit/s")],
)
def test_the_line_is_measured_in_bits(rate: int, words: str):
    assert amounts.line_rate(rate) == words


@pytest.mark.parametrize(("seconds", "words"), [(7, "0:07"), (723, "12:03"), (3723, "1:02:03"), (59.6, "1:00")])
def test_lengths_look_as_in_a_player(seconds: float, words: str):
    assert amounts.length(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 seconds"), (60, "1 minute"), (3600, "60 minutes"), (10800, "3 hours")]
)
def test_limits_on_length(seconds: int, words: str):
    assert amounts.minutes(seconds) == words


@pytest.mark.parametrize(("part", "whole", "percent"), [(999, 1000, 99), (1000, 1000, 100), (0, 0, 0), (5, 4, 100)])
def test_percents_are_rounded_down(part: int, whole: int, percent: int):
    assert amounts.percent(part, whole) == percent


def test_the_clock_names_the_day_where_it_is_not_today():
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert len(amounts.clock(now, now)) == len("12:00")
    assert ", " in amounts.clock(now - timedelta(days=2), now)
    assert amounts.clock(now - timedelta(days=700), now).endswith("2024")


def test_counts_agree_with_their_nouns():
    assert amounts.count(1, "video", "videos") == "1 video"
    assert amounts.count(12_345, "video", "videos") == "12 345 videos"
