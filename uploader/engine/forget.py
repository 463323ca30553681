"""Forget: videos nobody wants any more are deleted on the server, however long it takes to reach it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from uploader.engine.clock import Clock
from uploader.engine.job import Job
from uploader.engine.retry import Backoff, Verdict, verdict
from uploader.engine.store import Store
from uploader.errors import ReelferryError, Transient

log = logging.getLogger(__name__)


class Forgetter:
    """Asks for each deletion until the server has said yes or no."""

    def __init__(self, store: Store, delete: Callable[[str], Awaitable[None]], clock: Clock) -> None:
        self._store = store
        self._delete = delete
        self._clock = clock
        self._videos = dict.fromkeys(store.deletions())
        self._woken = asyncio.Event()

    def forget(self, job: Job) -> None:
        """What the server has of this job is of no use any more. Remembered across restarts."""
        if job.ticket is not None:
            self._videos[job.ticket.video_id] = None
            self._store.delete_later(job.ticket.video_id)
            self._woken.set()

    def wake(self) -> None:
        """Try again now: the network is back or another one, or somebody has signed in."""
        self._woken.set()

    async def run(self) -> None:
        """Delete, for as long as the engine runs."""
        backoff = Backoff(self._clock.random)
        while True:
            self._woken.clear()
            await self._clock.nap(await self._delete_all(backoff), self._woken)

    async def _delete_all(self, backoff: Backoff) -> float | None:
        """Try each once. Seconds until the next attempt; None where only a wake helps."""
        for video_id in list(self._videos):
            try:
                await self._delete(video_id)
            except ReelferryError as error:
                match verdict(error):
                    case Verdict.AGAIN:
                        return backoff.failed(error.retry_after if isinstance(error, Transient) else None)
                    case Verdict.PERSON | Verdict.LINE:
                        return None
                    case _:
                        log.info("video %s is not deleted: %s", video_id, error)
            backoff.reset()
            del self._videos[video_id]
            self._store.deleted(video_id)
        return None
