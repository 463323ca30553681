"""An asyncio loop in a thread of its own, for what stands beside a test; when it ends, nothing is left behind."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

SLOW = 60
"""Seconds that a machine may take for anything."""


class LoopThread:
    """Enter it, and `do` work on its loop. At the end every task is cancelled and heard out before the loop closes."""

    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(SLOW)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(SLOW)
        assert not self._thread.is_alive(), "something on the loop refuses to end"

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it on the loop, and return when it is done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(SLOW)

    def _run(self) -> None:
        asyncio.run(self._stay())

    async def _stay(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._ready.set()
        await self._end.wait()
        await _clear(self._loop)


async def _clear(loop: asyncio.AbstractEventLoop) -> None:
    """End every task, then every connection: asyncio does not close those whose task it cancels before it began."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    await asyncio.sleep(0)  # each is told
    await asyncio.sleep(0)  # and closed
