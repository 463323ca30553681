"""The product's engine under limits: python -m benchmarks.limited SERVER FILE HOME SECONDS LIMIT….

One transfer goes through all of them. Prints, as JSON, how many bytes a second the host counted at each, in so many
seconds from the moment it was set.
"""

import asyncio
import json
import sys
from pathlib import Path

import httpx

from uploader.engine.engine import Engine
from uploader.engine.job import Status
from uploader.engine.session import MemoryVault
from uploader.paths import Paths
from uploader.uplink import Uplink


async def carry(server: str, file: Path, home: Path, seconds: float, limits: list[int]) -> dict[int, float]:
    """Bytes a second, by limit."""
    vault, found = MemoryVault(), {}
    await vault.save(server, "r")
    opened = Engine.open(
        paths=Paths.under(home), server=server, vault=vault, emit=lambda _: None, uplink=Uplink(limit=limits[0])
    )
    async with opened as engine, httpx.AsyncClient(base_url=server, trust_env=False) as host:
        await engine.queue.add([file])
        async with asyncio.timeout(120):
            while not engine.queue.jobs[0].sent:
                assert engine.queue.jobs[0].status is not Status.FAILED, engine.queue.jobs
                await asyncio.sleep(0.01)
        for limit in limits:
            await engine.allowance.choose(limit=limit)
            before, begun = await received(host)
            await asyncio.sleep(seconds)
            after, ended = await received(host)
            found[limit] = (after - before) / (ended - begun)
    return found


async def received(host: httpx.AsyncClient) -> tuple[int, float]:
    """How many bytes have come to the host, and when it said so (seconds)."""
    said = (await host.get("/received")).json()
    return said["bytes"], said["at"]


def main(server: str, file: str, home: str, seconds: str, *limits: str) -> None:
    """Print it."""
    print(json.dumps(asyncio.run(carry(server, Path(file), Path(home), float(seconds), list(map(int, limits))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
