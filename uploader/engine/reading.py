"""Reads the file ahead of the socket, and notices when it is no longer the same file."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from uploader.engine.fingerprint import translated
from uploader.errors import FileChanged
from uploader.protocols import Span

READ = 1024 * 1024


@contextmanager
def reader() -> Iterator[Executor]:
    """A thread for the readings of one transfer, which does one thing at a time. Nobody waits for its last, which may
    hang as long as a drive does."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
    try:
        yield thread
    finally:
        thread.shutdown(wait=False)


class Reading:
    """One file, open for one request. What is not in memory is read in `thread`, ahead of what is asked for.

    `check` is asked once the file is open: raising there stops the request before a byte of it is sent. From then on
    the file must stay as it was: FileChanged, before the bytes in doubt are handed out.
    """

    def __init__(self, path: Path, check: Callable[[], None], thread: Executor) -> None:
        self._path, self._check, self._thread = path, check, thread
        self._fd = thread.submit(os.open, path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._looks: tuple[int, ...] = ()
        self._probe = bytearray(1)

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

    async def pieces(self, span: Span, longest: Callable[[], int] = lambda: READ) -> AsyncGenerator[bytes, None]:
        """The bytes of `span`, `longest()` at a time, never more than a MiB. FileChanged if they are not all there."""
        start, end = span.start, span.start + span.length
        while start < end and (piece := self._at_hand(start, min(longest(), READ, end - start))):
            start += len(piece)
            yield piece
            await asyncio.sleep(0)  # a line that takes everything at once would let nobody else have a turn
        async with aclosing(self._fetched(start, end)) as blocks:
            async for block in blocks:
                start = 0
                while start < len(block):
                    piece = block[start : start + longest()]
                    start += len(piece)
                    yield piece

    def _at_hand(self, start: int, length: int) -> bytes:
        """The bytes, if the system has their first and last in memory: no thread need be woken for those."""
        if sys.platform != "linux":
            return b""
        fd = self._fd.result()
        try:
            for end in (start, start + length - 1):
                os.preadv(fd, [self._probe], end, os.RWF_NOWAIT)
            found = os.pread(fd, length, start)
        except OSError:  # not there, or not to be had this way
            return b""
        if _looks(os.fstat(fd)) != self._looks:
            raise FileChanged("changed while it was being read")
        return found

    async def _fetched(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes a MiB at a time, each read by the thread while the one before it is on its way."""
        ahead = self._fetch(start, end)
        while ahead is not None:
            with translated(self._path):
                block = await asyncio.wrap_future(ahead)
            start += len(block)
            ahead = self._fetch(start, end)
            yield block

    def _fetch(self, start: int, end: int) -> "Future[bytes] | None":
        return self._thread.submit(self._read, start, min(start + READ, end)) if start < end else None

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


def _looks(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
