"""Writes in a thread while more arrives: one piece is being written, the next one fills."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from anyio import CapacityLimiter, to_thread

ENOUGH = 1 << 20


class Behind:
    """Hands what it takes to `write`, which blocks, in pieces of a MiB or more; the rest when the block ends."""

    def __init__(self, write: Callable[[bytes | bytearray], None], limiter: CapacityLimiter) -> None:
        self._write, self._limiter = write, limiter
        self._held: bytes | bytearray = b""
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raises what `write` raised."""
        if kind is None:
            await self._hand_over()
            await self._written()
        elif self._writing is not None:
            await asyncio.wait({self._writing})
            self._writing.exception()  # there is another already

    async def take(self, data: bytes) -> None:
        """Keep `data`, even if this is cancelled. Raises what `write` raised for a piece before it."""
        if self._held:
            self._held += data
        else:
            self._held = data if len(data) >= ENOUGH else bytearray(data)
        if len(self._held) >= ENOUGH:
            await self._hand_over()

    async def _hand_over(self) -> None:
        await self._written()
        held, self._held = self._held, b""
        if held:
            self._writing = asyncio.create_task(to_thread.run_sync(self._write, held, limiter=self._limiter))

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})  # being cancelled does not stop it
            writing, self._writing = self._writing, None
            writing.result()
