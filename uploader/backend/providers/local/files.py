"""The uploaded bytes on disk: the size of the file is the offset, so nothing can get out of step with it.

uploads/<upload id>           the bytes so far, later the original, never moved
uploads/<upload id>.staged    a piece whose checksum is not yet known; worthless after a crash
"""

import errno
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol

from uploader import errors
from uploader.backend.providers.local.turns import Taken

if sys.platform != "win32":
    import fcntl

COPY = 1 << 20
EARLY = 16 << 20
RESERVE = 256 << 20
UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
CHECKSUMS = ("sha1", "sha256")

Piece = bytes | bytearray | memoryview

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_sync = getattr(os, "fdatasync", os.fsync)


class Removed(Exception):
    """The file was deleted while it was being written."""


class Mismatch(Exception):
    """The piece is not the one its checksum was made of. Nothing of it was kept."""


class Files:
    """The folder of uploads."""

    def __init__(self, folder: Path, *, reserve: int = RESERVE) -> None:
        self.folder = folder
        self.reserve = reserve
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, upload_id: str) -> Path:
        """Where the bytes are. ValueError for anything but an id of ours: it is never a path."""
        if not UPLOAD_ID.fullmatch(upload_id):
            raise ValueError("not an upload id")
        return self.folder / upload_id

    def staged(self, upload_id: str) -> Path:
        """Where a piece waits for its checksum."""
        return self.path(upload_id).with_suffix(".staged")

    def offset(self, upload_id: str) -> int:
        """How many bytes are here. A file that does not exist yet has none."""
        try:
            return self.path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self, upload_id: str) -> None:
        """Delete the bytes. Not an error if they are gone."""
        self.staged(upload_id).unlink(missing_ok=True)
        self.path(upload_id).unlink(missing_ok=True)

    def require_room(self, size: int) -> None:
        """Raises errors.DiskFull unless `size` bytes fit and the reserve stays free."""
        free = shutil.disk_usage(self.folder).free
        if free < size + self.reserve:
            raise errors.DiskFull(f"{free} bytes free, {size} wanted, {self.reserve} in reserve")


class Sink(Protocol):
    """Where the body of one PATCH goes. All methods block; `write` may run in one thread while `close` waits for it."""

    def write(self, data: Piece) -> None:
        """Take some bytes. Raises errors.DiskFull (what fits was kept), Removed."""

    def finish(self, *, whole: bool) -> int:
        """Make it durable; answers the upload's new offset. `whole`: the body came to its end. Raises Mismatch."""

    def close(self) -> None:
        """Let go of file and lock."""


class Append:
    """Appends to the upload's file, which it keeps locked against other processes."""

    def __init__(self, path: Path) -> None:
        """Raises Taken while another process holds the file."""
        self._lock = Lock()
        self._pending = 0
        self._fd = _opened(path)
        try:
            _claim(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def offset(self) -> int:
        """The size of the file now."""
        return os.fstat(self._fd).st_size

    def write(self, data: Piece) -> None:
        """Append; see Sink."""
        with self._lock:
            if _links(self._fd) == 0:
                raise Removed
            _write_all(self._fd, data)
            self._early(len(data))

    def _early(self, length: int) -> None:
        """Have the disk begin with what has come, so that little is left to wait for at the end."""
        self._pending += length
        if self._pending >= EARLY and sys.platform == "linux":
            os.posix_fadvise(self._fd, self.offset - self._pending, self._pending, os.POSIX_FADV_DONTNEED)
            self._pending = 0

    def finish(self, *, whole: bool) -> int:
        """Make it durable; what arrived is kept, whole or not."""
        with self._lock:
            _sync(self._fd)
            return self.offset

    def close(self) -> None:
        """Close, which also unlocks."""
        with self._lock:
            os.close(self._fd)


class Staged:
    """Keeps a piece apart until its checksum is known, so that at no moment an unproven byte counts as arrived."""

    def __init__(self, target: Append, staged: Path, algorithm: str, digest: bytes) -> None:
        self._lock = Lock()
        self._target = target
        self._path = staged
        self._digest = digest
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._fd = _opened(staged, os.O_TRUNC)

    def write(self, data: Piece) -> None:
        """Keep apart; see Sink."""
        with self._lock:
            _write_all(self._fd, data)
            self._hash.update(data)

    def finish(self, *, whole: bool) -> int:
        """Append the piece if it is what it should be; a piece that broke off is dropped."""
        with self._lock:
            if not whole:
                return self._target.offset
            if self._hash.digest() != self._digest:
                raise Mismatch
            with self._path.open("rb") as piece:
                while data := piece.read(COPY):
                    self._target.write(data)
            return self._target.finish(whole=True)

    def close(self) -> None:
        """Drop the staged copy and let go."""
        with self._lock:
            os.close(self._fd)
            self._path.unlink(missing_ok=True)
        self._target.close()


@contextmanager
def _full_by_name() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise errors.DiskFull(str(error)) from error
        raise


def _opened(path: Path, more: int = 0) -> int:
    with _full_by_name():
        return os.open(path, _FLAGS | more, 0o600)


def _links(fd: int) -> int:
    return os.fstat(fd).st_nlink


def _claim(fd: int) -> None:
    if sys.platform != "win32":  # one process serves there; turns are enough
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Taken from error
    if _links(fd) == 0:
        raise Removed


def _write_all(fd: int, data: Piece) -> None:
    view = memoryview(data)
    with _full_by_name():
        while view:
            view = view[os.write(fd, view) :]
