"""The upload limit is kept to, also when it is changed in mid-transfer."""

from collections.abc import Iterator

from benchmarks import timed
from benchmarks.plan import Plan
from benchmarks.row import Row, within
from benchmarks.sink import CHUNK, sink

MEGABYTE = 1_000_000
LIMITS = (1_000_000, 12_500_000, 100_000)
"""Bytes a second, one after the other."""


def kept_to(plan: Plan) -> Iterator[Row]:
    """What the host counted in 30 s of each limit, all in one transfer; the peer is the limit itself."""
    seconds = 0.2 if plan.quick else 30.0
    file = plan.film(CHUNK + int(1.1 * seconds * sum(LIMITS)))
    with sink() as host, plan.home() as home:
        found = timed.told(timed.module("limited", host.url, file, home, str(seconds), *map(str, LIMITS)))
    for limit in LIMITS:
        changed = "" if limit == LIMITS[0] else ", changed in mid-transfer"
        name = f"limit of {limit / MEGABYTE:g} MB/s over {seconds:g} s{changed}"
        yield within(name, found[str(limit)] / MEGABYTE, limit / MEGABYTE, "MB/s", 0.05)
