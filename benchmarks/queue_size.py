"""Ten thousand queued jobs beside ten."""

import statistics
from collections.abc import Iterator

from benchmarks import timed
from benchmarks.plan import Plan
from benchmarks.row import Row, at_most, beyond

FEW = 10


def many_jobs(plan: Plan) -> Iterator[Row]:
    """Start-up, memory and one update of progress."""
    count = 1000 if plan.quick else 10_000
    found: dict[int, list[dict[str, float]]] = {FEW: [], count: []}
    for _ in range(plan.runs):
        for jobs, told in found.items():
            with plan.home() as home:
                timed.module("many", "fill", home, str(jobs))
                told.append(timed.told(timed.module("many", "open", home, str(jobs))))

    def median(jobs: int, name: str) -> float:
        return statistics.median(one[name] for one in found[jobs])

    name = f"{count} queued jobs vs {FEW}"
    yield beyond(f"{name}: start-up", median(count, "seconds"), median(FEW, "seconds"), "s", 0.5)
    yield beyond(f"{name}: memory", median(count, "peak"), median(FEW, "peak"), "MiB", 60)
    yield at_most(f"{name}: one update of progress", median(count, "update"), median(FEW, "update"), "µs", 1.25)
