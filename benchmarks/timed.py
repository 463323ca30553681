"""Runs clients as processes of their own, and says what each cost."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "tests" / "peers"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of the processor."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended well: what it printed, how long it lived, CPU seconds with its children's."""

    out: str
    wall: float
    cpu: float


def run(command: Sequence[str | Path], environ: Mapping[str, str] | None = None, folder: Path = ROOT) -> Ended:
    """Run to the end. CalledProcessError with its words if it failed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, cwd=folder
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        said, complained = out.read().decode(), err.read().decode()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(map(str, command)), said, complained)
    return Ended(said, wall, usage.ru_utime + usage.ru_stime)


def module(name: str, *words: str | Path, environ: Mapping[str, str] | None = None, where: Sequence[str] = ()) -> Ended:
    """Run one of our modules with this interpreter. `where`: what the command begins with."""
    return run([*where, sys.executable, "-m", f"benchmarks.{name}", *words], environ)


def told(ended: Ended) -> dict[str, float]:
    """The last line a module of ours printed, as JSON."""
    found: dict[str, float] = json.loads(ended.out.splitlines()[-1])
    return found


def in_turn(runs: int, clients: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Every client `runs` times, one after the other in each round: the medians."""
    costs: dict[str, list[Cost]] = {name: [] for name in clients}
    for turn in range(runs):
        order = list(clients)
        for name in order if turn % 2 == 0 else reversed(order):
            costs[name].append(clients[name]())
    return {
        name: Cost(statistics.median(c.seconds for c in found), statistics.median(c.cpu for c in found))
        for name, found in costs.items()
    }
