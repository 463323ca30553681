"""A queue of many jobs: python -m benchmarks.many fill|open HOME COUNT.

`open` prints, as JSON, the seconds until engine and window's model hold all jobs, the peak memory in MiB, and the
microseconds of one update of progress from the engine's ledger to the model.
"""

import asyncio
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.command import peak
from tests.engine.many_jobs import a_full_job
from uploader.desktop.queue_model import QueueModel
from uploader.engine.clock import Clock
from uploader.engine.engine import Engine
from uploader.engine.facts import Fact
from uploader.engine.job import Status
from uploader.engine.ledger import Ledger
from uploader.engine.session import MemoryVault
from uploader.engine.store import Store
from uploader.paths import Paths

UPDATES = 500


def fill(paths: Paths, count: int) -> None:
    """Put jobs into the queue's database."""
    store = Store.open(paths.queue)
    for _ in range(count):
        store.keep(
            replace(a_full_job(), status=Status.PAUSED, handover=None, handovers=0)
        )  # none is at rest once handed over
    store.close()


async def start(paths: Paths) -> float:
    """Seconds from nothing to a window's model with every job in it."""
    begun = time.perf_counter()
    facts: list[Fact] = []
    async with Engine.open(
        paths=paths, server="http://127.0.0.1:1", vault=MemoryVault(), emit=facts.append, run=False
    ) as engine:
        model = QueueModel()
        model.apply(facts)
        assert model.rowCount() == len(engine.queue.jobs)
        return time.perf_counter() - begun


async def update(paths: Paths) -> float:
    """Microseconds of one update, the median of many."""
    store = Store.open(paths.queue)
    facts: list[Fact] = []
    ledger = Ledger(store, store.load(), facts.append, Clock())
    model = QueueModel()
    model.apply(facts)
    job = ledger.jobs[len(ledger.jobs) // 2]
    spent = []
    for sent in range(UPDATES):
        facts.clear()
        begun = time.perf_counter()
        ledger.put(replace(job, sent=sent))
        model.apply(facts)
        spent.append(time.perf_counter() - begun)
    ledger.close()
    store.close()
    return statistics.median(spent) * 1e6


def main(what: str, home: str, count: str) -> None:
    """Do it."""
    paths = Paths.under(Path(home)).make()
    if what == "fill":
        fill(paths, int(count))
        return
    seconds = asyncio.run(start(paths))
    memory = peak()
    print(json.dumps({"seconds": seconds, "peak": memory, "update": asyncio.run(update(paths))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
