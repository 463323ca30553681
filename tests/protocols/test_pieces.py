"""How long a piece is: the host's rules first, then what the line is good for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uploader.protocols.base import fit
from uploader.wire import ChunkRules

MIB = 1024 * 1024
CLOUDFLARE = ChunkRules(min=5 * MIB, max=200 * MIB, multiple=256 * 1024, default=50 * MIB)


@pytest.mark.parametrize(
    ("wanted", "left", "length"),
    [
        (50 * MIB, 500 * MIB, 50 * MIB),
        (1, 500 * MIB, 5 * MIB),  # never below the least
        (10**12, 500 * MIB, 200 * MIB),  # never above the most
        (7_000_000, 500 * MIB, 6_815_744),  # down to a multiple
        (50 * MIB, 50 * MIB + 1, 50 * MIB),
        (50 * MIB, 1, 1),  # the last is exempt
        (50 * MIB, 3 * MIB, 3 * MIB),
    ],
)
def test_pieces_for_a_host_with_strict_rules(wanted: int, left: int, length: int):
    assert fit(CLOUDFLARE, wanted, left) == length


def test_a_least_that_is_no_multiple_is_rounded_up():
    assert fit(ChunkRules(min=1000, multiple=256, default=1000), 1, 10_000) == 1024


@settings(deadline=None)
@given(
    st.builds(ChunkRules, min=st.integers(1, 5000), max=st.none(), multiple=st.integers(1, 700), default=st.just(1000)),
    st.integers(-5, 20_000),
    st.integers(1, 100_000),
)
def test_every_piece_but_the_last_obeys(rules: ChunkRules, wanted: int, left: int):
    length = fit(rules, wanted, left)
    assert 0 < length <= left
    if length < left:
        assert length >= rules.min
        assert length % rules.multiple == 0
