import pytest

from uploader.media.pace import CLOCK, Cutter, Pace, segment_starts


def _shown(times: list[int]) -> list[int]:
    pace = Pace()
    return [ticks for ticks in times if pace.shows(ticks)]


@pytest.mark.parametrize("rate", [1, 24, 25, 30, 50, 60])
def test_ordinary_frame_rates_lose_nothing(rate: int):
    times = [round(index * CLOCK / rate) for index in range(200)]
    assert _shown(times) == times


def test_sixty_frames_a_second_counted_in_milliseconds_lose_nothing():
    times = [round(index * 1000 / 60) * 90 for index in range(600)]
    assert _shown(times) == times


@pytest.mark.parametrize("rate", [120, 240, 1000])
def test_more_than_sixty_frames_a_second_are_thinned_to_sixty(rate: int):
    times = [round(index * CLOCK / rate) for index in range(5 * rate)]
    assert len(_shown(times)) == pytest.approx(300, abs=6)


def test_a_million_frames_at_one_moment_are_one():
    assert _shown([0] * 1000) == [0]


def test_time_never_goes_back():
    assert _shown([-3000, 0, 3000, 1000, 6000]) == [0, 3000, 6000]


def test_a_segment_starts_every_four_seconds_after_the_first_frame():
    cutter = Cutter()
    starts = [ticks for ticks in range(1500, 10 * CLOCK, 3000) if cutter.starts(ticks)]
    assert starts == [1500, 1500 + 4 * CLOCK, 1500 + 8 * CLOCK]


def test_after_a_pause_one_segment_starts_not_several():
    cutter = Cutter()
    assert [cutter.starts(seconds * CLOCK) for seconds in (0, 1, 30, 31, 32)] == [True, False, True, False, True]


def test_given_cuts_are_met_by_the_first_frame_at_or_after_them():
    cutter = Cutter([400, 800])
    assert [ticks for ticks in range(0, 1000, 150) if cutter.starts(ticks)] == [0, 450, 900]


def test_segments_of_a_copy_start_at_the_first_key_frame_after_each_multiple_of_four_seconds():
    keys = [seconds * CLOCK for seconds in (0, 3, 6, 9, 12, 15)]
    assert segment_starts(keys) == [seconds * CLOCK for seconds in (6, 9, 12)]
