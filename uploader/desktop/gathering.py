"""Facts gathered into batches, so that the window hears at most ten a second and of each thing only the latest."""

import asyncio
from collections.abc import Callable

from uploader.engine.facts import Account, Changed, Fact, Limited, Network, Ordered, Removed

Batch = tuple[Fact, ...]


class Gathering:
    """Lives on the engine's loop. The first fact after a pause goes out at once, the next ones together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Batch], None], interval: float) -> None:
        self._loop, self._emit, self._interval = loop, emit, interval
        self._facts: dict[object, Fact] = {}
        self._next = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def add(self, fact: Fact) -> None:
        """Keep a fact until the next batch; an older one about the same thing is forgotten."""
        if isinstance(fact, Ordered):
            self._facts.pop(Ordered, None)
        self._facts[_about(fact)] = fact
        if self._handle is None:
            self._handle = self._loop.call_at(max(self._next, self._loop.time()), self.flush)

    def flush(self) -> None:
        """Send what there is."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._facts:
            batch, self._facts = tuple(self._facts.values()), {}
            self._next = self._loop.time() + self._interval
            self._emit(batch)


def _about(fact: Fact) -> object:
    match fact:
        case Changed(job):
            return job.id
        case Removed(job_id):
            return job_id
        case Ordered() | Account() | Network() | Limited():
            return type(fact)
