"""The counter behind every limit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from uploader.backend import rate_limit
from uploader.backend.store.database import Database
from uploader.backend.store.models import RateLimit

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_of_thirty_at_once_exactly_five_pass(database: Database):
    with ThreadPoolExecutor(30) as pool:
        passed = list(pool.map(lambda _: rate_limit.allow(database, "k", 5, 900, NOON), range(30)))
    assert sum(passed) == 5


def test_keys_and_windows_count_for_themselves_and_old_windows_are_forgotten(database: Database):
    assert [rate_limit.allow(database, "a", 2, 60, NOON) for _ in range(3)] == [True, True, False]
    assert rate_limit.allow(database, "b", 2, 60, NOON)
    assert not rate_limit.allow(database, "a", 2, 60, NOON + timedelta(seconds=59))
    assert rate_limit.allow(database, "a", 2, 60, NOON + timedelta(seconds=60))
    with database.read() as session:
        rows = session.scalars(select(RateLimit).order_by(RateLimit.key))
        assert [(row.key, row.hits) for row in rows] == [("a", 1), ("b", 1)]


def test_a_hit_can_be_taken_back_but_never_below_none(database: Database):
    assert rate_limit.allow(database, "k", 1, 60, NOON)
    for _ in range(3):
        rate_limit.take_back(database, "k", 60, NOON)
    assert [rate_limit.allow(database, "k", 1, 60, NOON) for _ in range(2)] == [True, False]


def test_the_wait_is_until_the_next_window(database: Database):
    assert rate_limit.seconds_left(900, NOON) == 900
    assert rate_limit.seconds_left(900, NOON + timedelta(seconds=899)) == 1
