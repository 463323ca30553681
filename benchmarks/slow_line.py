"""A line of 100 Mbit/s and 50 ms, whole and with every hundredth packet lost, beside curl -T on the same line."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import throughput, timed
from benchmarks.plan import Plan
from benchmarks.row import Row, at_least
from benchmarks.sink import sink
from benchmarks.wan import FAR, Line, inside, missing, namespaces
from tests.engine.certificates import certificates

MIB = 1 << 20
GOAL = 0.97
ONE_WAY = 0.025  # seconds
RATE = 100e6 / 8
LOSSES = (0.0, 0.01)


def long_line(plan: Plan) -> Iterator[Row]:
    """One row for each loss. Both clients use the system's congestion control, which is named."""
    if lacks := missing():
        print(f"(the slow line needs {lacks}: no rows on it)")
        return
    (folder := plan.folder / "far").mkdir()
    tls = certificates(folder, FAR)
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    for loss in LOSSES:
        size = _size(plan, control, loss)
        with namespaces(Line(ONE_WAY, loss, RATE)) as (near, far), sink(tls, FAR, inside(far)) as host:
            clients = {
                "ours": lambda: throughput.ours(plan, host, size, inside(near)),  # noqa: B023  (used within the loop)
                "curl": lambda: throughput.curl(plan, host, size, inside(near)),  # noqa: B023
            }
            costs = timed.in_turn(plan.runs, clients)
        name = f"{size // MIB} MiB, 100 Mbit/s, 50 ms, {loss:.0%} lost, {control} vs curl"
        yield at_least(name, size / MIB / costs["ours"].seconds, size / MIB / costs["curl"].seconds, "MiB/s", GOAL)


def _size(plan: Plan, control: str, loss: float) -> int:
    """Bytes that take some ten seconds: what takes loss for a full line gets 3 % of this one."""
    size = 8 * MIB if loss and control != "bbr" else 100 * MIB
    return size // 10 if plan.quick else size
