"""Chunks follow the line: four to eight seconds each, never more than doubled or halved at once."""

import pytest

from uploader.engine.line import LOOKS
from uploader.engine.rate import Pace, resized, smooth

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("seconds", "chunk"),
    [
        (6, 8 * MIB),
        (4, 8 * MIB),
        (8, 8 * MIB),
        (3, 16 * MIB),
        (0.01, 16 * MIB),
        (0, 16 * MIB),
        (12, 4 * MIB),
        (900, 4 * MIB),
    ],
)
def test_the_next_chunk_aims_at_six_seconds(seconds: float, chunk: int):
    assert resized(8 * MIB, seconds) == chunk


def test_a_chunk_a_little_too_slow_shrinks_a_little():
    assert resized(9_000_000, 9) == 6_000_000


def test_the_first_measurement_stands_for_itself_and_later_ones_are_smoothed():
    assert smooth(0, 100) == 100
    assert smooth(100, 200, weight=0.25) == 125


@pytest.mark.parametrize("rate", [20_000, 1_000_000, 50_000_000])
def test_on_a_steady_line_chunks_settle_between_four_and_eight_seconds(rate: int):
    pace = Pace()
    pace.begin(8 * MIB)
    for _ in range(12):
        pace.acknowledged(pace.chunk, pace.chunk / rate)
    at_least = pace.chunk == 256 * 1024
    assert at_least or 4 <= pace.chunk / rate <= 8
    assert pace.rate == pytest.approx(rate)


def test_a_failure_halves_the_chunk_down_to_a_quarter_mib():
    pace = Pace()
    pace.begin(MIB)
    pace.failed()
    assert pace.chunk == MIB // 2
    for _ in range(9):
        pace.failed()
    assert pace.chunk == 256 * 1024


def test_what_was_learnt_outlives_a_ticket():
    pace = Pace()
    pace.begin(8 * MIB)
    pace.failed()
    pace.begin(8 * MIB)
    assert pace.chunk == 4 * MIB


def test_the_short_end_of_a_file_does_not_shrink_the_next_ones_chunks():
    pace = Pace()
    pace.begin(8 * MIB)
    pace.acknowledged(100, 0.5)
    assert pace.chunk == 8 * MIB


def test_silence_is_borne_for_thirty_seconds_or_four_chunks():
    pace = Pace()
    assert pace.patience() == 30
    pace.acknowledged(MIB, 20)
    assert pace.patience() == 80


def test_where_only_what_leaves_is_a_sign_of_life_a_piece_of_a_trickle_leaves_in_time():
    pace = Pace(tells=False)
    assert pace.piece() / 1000 < pace.patience() - pace.patience() / LOOKS
    pace.acknowledged(50 * MIB, 1)
    assert pace.piece() == MIB


def test_pieces_are_large_only_where_they_leave_at_once():
    pace = Pace(tells=True)
    assert pace.piece() == MIB // 4
    pace.acknowledged(50 * MIB, 1)
    assert pace.piece() == MIB
    pace.acknowledged(MIB, 10)
    pace.acknowledged(MIB, 10)
    pace.acknowledged(MIB, 10)
    assert pace.piece() == MIB // 4
