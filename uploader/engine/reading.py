"""Reads the file ahead of the socket, and notices when it is no longer the same file."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from uploader.engine.fingerprint import translated
from uploader.errors import FileChanged
from uploader.protocols import Span

READ = 1024 * 1024
PIECE = 256 * 1024


class Reading:
    """One file, open for one request. Every read happens in a thread of its own, one ahead of what is asked for.

    `check` is asked once the file is open: raising there stops the request before a byte of it is sent. From then on
    the file must stay as it was: FileChanged, before the bytes in doubt are handed out.
    """

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self._path, self._check = path, check
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._fd = self._thread.submit(os.open, path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._looks: tuple[int, ...] = ()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            self._close()
            raise
        return self

    async def _open(self) -> None:
        with translated(self._path):
            fd = await asyncio.shield(asyncio.wrap_future(self._fd))
            self._looks = _looks(os.fstat(fd))
            self._check()
            now = _looks(self._path.stat())
        if now != self._looks:
            raise FileChanged("replaced while it was being opened")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    async def pieces(self, span: Span) -> AsyncGenerator[bytes, None]:
        """The bytes of `span`, 256 KiB at a time. FileChanged if they are not all there."""
        ends = [*range(span.start + READ, span.start + span.length, READ), span.start + span.length]
        ahead = self._thread.submit(self._read, span.start, ends[0])
        for end, after in zip(ends, [*ends[1:], None], strict=True):
            with translated(self._path):
                block = await asyncio.wrap_future(ahead)
            if after is not None:
                ahead = self._thread.submit(self._read, end, after)
            for start in range(0, len(block), PIECE):
                yield block[start : start + PIECE]

    def _read(self, start: int, end: int) -> bytes:
        fd = self._fd.result()
        os.lseek(fd, start, os.SEEK_SET)
        parts = []
        while start < end and (part := os.read(fd, end - start)):
            parts.append(part)
            start += len(part)
        if start < end or _looks(os.fstat(fd)) != self._looks:
            raise FileChanged("changed while it was being read")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self) -> None:
        """After whatever is being read, in its thread, so that no read finds another file under its number."""
        self._thread.submit(lambda: os.close(self._fd.result()) if self._fd.exception() is None else None)
        self._thread.shutdown(wait=False)


def _looks(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
