from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploader.media.ladder import copy_limit, ladder, max_rate

SIDES = st.integers(min_value=1, max_value=8192)


@pytest.mark.parametrize(
    ("size", "encoded", "copied"),
    [
        ((3840, 2160), [(1920, 1080), (1280, 720), (640, 360)], None),
        ((1920, 1080), [(1920, 1080), (1280, 720), (640, 360)], [(1920, 1080), (1280, 720), (640, 360)]),
        ((1080, 1920), [(1080, 1920), (720, 1280), (360, 640)], [(1080, 1920), (720, 1280), (360, 640)]),
        ((1280, 720), [(1280, 720), (640, 360)], [(1280, 720)]),
        ((854, 480), [(854, 480), (640, 360)], [(854, 480)]),
        ((641, 361), [(640, 360)], None),
        ((320, 180), [(320, 180)], [(320, 180)]),
    ],
)
def test_the_renditions_of_usual_sizes(
    size: tuple[int, int], encoded: list[tuple[int, int]], copied: list[tuple[int, int]] | None
):
    assert [(rung.width, rung.height) for rung in ladder(*size, 30)] == encoded
    if copied:
        rungs = ladder(*size, 30, copied=True)
        assert [(rung.width, rung.height) for rung in rungs] == copied
        assert [rung.copied for rung in rungs] == [True] + [False] * (len(copied) - 1)


@given(SIDES, SIDES)
def test_every_size_gets_one_to_three_even_renditions_that_shrink_and_never_grow(width: int, height: int):
    rungs = ladder(width, height, 30)
    assert 1 <= len(rungs) <= 3
    assert len({rung.name for rung in rungs}) == len(rungs)
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= max(2, width)
        assert rung.height <= max(2, height)
    assert all(smaller.lines < larger.lines for larger, smaller in pairwise(rungs))
    assert all(smaller.max_rate <= larger.max_rate for larger, smaller in pairwise(rungs))


def test_fast_pictures_may_take_more():
    assert max_rate(1080, 60) > max_rate(1080, 30)


def test_a_copy_that_stands_alone_has_to_be_lighter_for_its_size():
    assert copy_limit(720, 30) < 7_000_000 < copy_limit(1080, 30)
