"""The window stays smooth while a file goes out at full speed."""

import statistics
from collections.abc import Iterator

from benchmarks import timed
from benchmarks.plan import Plan
from benchmarks.row import Row, no_more_than
from benchmarks.sink import sink


def smooth(plan: Plan) -> Iterator[Row]:
    """p99 and worst interval of a 16 ms timer; the peer is the same window with nothing to do."""
    found = []
    with sink(plan.tls) as host:
        for _ in range(plan.runs):
            with plan.home() as home:
                environ = {**host.environ(), "QT_QPA_PLATFORM": "offscreen", "HOME": str(home)}
                file = plan.film(4 * plan.size)
                found.append(timed.told(timed.module("calm", host.url, file, home, environ=environ)))
    median = {name: statistics.median(one[name] for one in found) for name in found[0]}
    name = "16 ms timer in the window, full-speed upload"
    yield no_more_than(f"{name}, p99 vs idle", median["p99"], median["idle_p99"], "ms", 20)
    yield no_more_than(f"{name}, worst vs idle", median["worst"], median["idle_worst"], "ms", 50)
