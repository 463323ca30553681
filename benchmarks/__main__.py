"""`python -m benchmarks [--quick] [--only NAME …]`: measures, and prints a row as soon as it is known."""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.limit import kept_to
from benchmarks.load import all_at_once
from benchmarks.memory import command_line
from benchmarks.plan import Plan
from benchmarks.queue_size import many_jobs
from benchmarks.receive import one_patch
from benchmarks.resend import after_a_cut
from benchmarks.row import HEADING, Row
from benchmarks.slow_line import long_line
from benchmarks.throughput import GOALS, https
from benchmarks.window import smooth

MIB = 1 << 20

MEASUREMENTS: Mapping[str, Callable[[Plan], Iterator[Row]]] = {
    "https": https,
    "memory": command_line,
    "window": smooth,
    "limit": kept_to,
    "resend": after_a_cut,
    "queue": many_jobs,
    "receive": one_patch,
    "line": long_line,
    "load": all_at_once,
}


def main() -> None:
    """Run what is asked for."""
    words = argparse.ArgumentParser(prog="python -m benchmarks")
    words.add_argument("--quick", action="store_true", help="small and once: to see that it works, not to quote")
    words.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    words.add_argument("--size", type=int, metavar="MIB", help="of the large file")
    words.add_argument("--runs", type=int, help="of each client")
    words.add_argument("--peers", nargs="+", choices=GOALS, default=list(GOALS), help="of the measurement `https`")
    given = words.parse_args()
    size = given.size or (64 if given.quick else 1024)
    runs = given.runs or (1 if given.quick else 5)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.platform()}, Python {platform.python_version()},")
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {size} MiB, medians of {runs}\n\n{HEADING}", flush=True
    )
    with tempfile.TemporaryDirectory(prefix="reelferry-bench-") as folder:
        plan = Plan(Path(folder), size * MIB, runs, frozenset(given.peers), given.quick)
        for name in given.only:
            for row in MEASUREMENTS[name](plan):
                print(row, flush=True)


if __name__ == "__main__":
    main()
