"""The command line's peak memory must not depend on the size of the file."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks import timed
from benchmarks.plan import Plan
from benchmarks.row import Row, at_most, no_more_than
from benchmarks.sink import Sink, sink

MIB = 1 << 20


def command_line(plan: Plan) -> Iterator[Row]:
    """A file of 4 GiB beside one of 100 MiB."""
    small, large = 100 * MIB, 4 * plan.size
    peaks: dict[int, list[float]] = {small: [], large: []}
    with sink(plan.tls) as host:
        for _ in range(min(plan.runs, 3)):
            for size, found in peaks.items():
                found.append(_peak(plan, host, plan.film(size)))
    ours, itself = (statistics.median(peaks[size]) for size in (large, small))
    name = f"peak memory of the command line, {large // MIB} MiB"
    yield at_most(f"{name} vs 100 MiB", ours, itself, "MiB", 1.05)
    yield no_more_than(name, ours, itself, "MiB", 80)


def _peak(plan: Plan, host: Sink, file: Path) -> float:
    with plan.home() as home:
        places = dict.fromkeys(
            ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME"), str(home)
        )
        return timed.told(timed.module("command", host.url, file, environ={**host.environ(), **places}))["peak"]
