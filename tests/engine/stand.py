"""A queue on a test stand: real store, real files, a backend in memory, time that a test moves."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.engine.backend import MemoryBackend, MemoryMedia
from tests.engine.still_time import StillTime
from uploader.engine.facts import Changed, Fact
from uploader.engine.job import Draft, Job, Status, Step
from uploader.engine.queue import FLOW, Queue
from uploader.engine.store import Store
from uploader.engine.work import World
from uploader.errors import ReelferryError
from uploader.wire import ServerConfig

DEADLINE = 60.0
A_MINUTE = 60 * 10**9  # nanoseconds
READY_TO_POST = Draft("Hello", approved=True)


class Stand:
    """What a test sees of a running queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backend = MemoryBackend()
        self.media = MemoryMedia()
        self.time = StillTime()
        self.facts: list[Fact] = []
        self.heard: list[ReelferryError | None] = []
        self.limits: ServerConfig | None = None
        self.slots = 1
        self._told = asyncio.Event()

    @asynccontextmanager
    async def queue(self, *, run: bool = True) -> AsyncIterator[Queue]:
        """A queue on the stand's database; open another one after it for a restart."""
        thumbnails = self.folder / "thumbnails"
        thumbnails.mkdir(exist_ok=True)
        store = await asyncio.to_thread(Store.open, self.folder / "queue.sqlite3")
        async with httpx.AsyncClient() as http:
            world = World(
                self.backend,
                http,
                self.media,
                thumbnails,
                limits=lambda: self.limits,
                heard=self.heard.append,
                clock=self.time.clock,
            )
            flow = {**FLOW, Step.TRANSFER: self.backend.transfer}
            queue = Queue(store, world, self._tell, slots=self.slots, flow=flow)
            if run:
                queue.start()
            try:
                yield queue
            finally:
                await queue.close()
                await asyncio.to_thread(store.close)

    def video(self, name: str = "a.mp4", size: int = 3500) -> Path:
        """A file that is a minute old: who changes it gives it another time, however coarse the disk's clock is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        then = time.time_ns() - A_MINUTE
        os.utime(path, ns=(then, then))
        return path

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something the facts lead to."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self._told.wait()

    async def passes(self, condition: Callable[[], bool]) -> None:
        """Wait for something that no fact tells."""
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110  (the loop has to turn; there is no event)
                await asyncio.sleep(0)

    async def asked(self, name: str, times: int = 1) -> None:
        """Wait until the backend has been asked for this so often."""
        await self.passes(lambda: self.backend.asked.count(name) >= times)

    def snapshots(self, job_id: str) -> list[Job]:
        return [fact.job for fact in self.facts if isinstance(fact, Changed) and fact.job.id == job_id]

    def path_of(self, job_id: str) -> list[tuple[Step, Status]]:
        """The places a job was seen at, without repetitions."""
        return list(dict.fromkeys((job.step, job.status) for job in self.snapshots(job_id)))

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._told.set()
        self._told = asyncio.Event()


async def add(queue: Queue, *paths: Path, draft: Draft = READY_TO_POST) -> Job:
    """Add files that are taken; the first job."""
    jobs, refusals = await queue.add(paths, draft)
    assert refusals == []
    return jobs[0]


def job_of(queue: Queue, job_id: str) -> Job:
    return next(job for job in queue.jobs if job.id == job_id)


def titles(jobs: Sequence[Job]) -> list[str]:
    return [job.title for job in jobs]
