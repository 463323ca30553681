"""The product's engine carries one file: python -m benchmarks.ours SERVER FILE HOME REFRESH_TOKEN.

Queue, store, checkpoints, progress and watchdog are on, as in the window and at the command line. Measured is the
transfer step, from its beginning to the last acknowledgement; printed as JSON with seconds and CPU seconds.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from uploader.engine.engine import Engine
from uploader.engine.facts import Changed, Fact
from uploader.engine.job import ORDER, Status, Step
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

AFTER = frozenset(ORDER[ORDER.index(Step.TRANSFER) + 1 :])


class Watch:
    """Notes when the transfer begins and when it has ended."""

    def __init__(self) -> None:
        self.begun: tuple[float, float] | None = None
        self.ended: asyncio.Future[tuple[float, float]] = asyncio.get_running_loop().create_future()

    def hear(self, fact: Fact) -> None:
        if not isinstance(fact, Changed) or self.ended.done():
            return
        job, now = fact.job, (time.perf_counter(), time.process_time())
        if job.status is Status.FAILED:
            self.ended.set_exception(RuntimeError(str(job.trouble)))
        elif job.step is Step.TRANSFER and job.status is Status.RUNNING:
            self.begun = self.begun or now
        elif job.step in AFTER:
            self.ended.set_result(now)


async def carry(server: str, file: Path, home: Path, token: str) -> dict[str, float]:
    """What it cost."""
    vault = MemoryVault()
    await vault.save(server, token)
    watch = Watch()
    async with Engine.open(paths=Paths.under(home), server=server, vault=vault, emit=watch.hear) as engine:
        _, refusals = await engine.queue.add([file])
        if refusals:
            raise refusals[0].error
        ended = await watch.ended
    assert watch.begun is not None
    return {"seconds": ended[0] - watch.begun[0], "cpu": ended[1] - watch.begun[1]}


def main(server: str, file: str, home: str, token: str) -> None:
    """Print it."""
    print(json.dumps(asyncio.run(carry(server, Path(file), Path(home), token))))


if __name__ == "__main__":
    main(*sys.argv[1:])
