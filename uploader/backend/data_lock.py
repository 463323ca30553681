"""One server a data folder: the second is told, instead of spoiling files. On PostgreSQL they may share one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderInUse(Exception):
    """Another server holds this data folder."""


@contextmanager
def hold(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder until the block ends or this process does, however it ends. Raises FolderInUse.

    `shared`: with others who hold it shared, which is as good as not at all on Windows.
    """
    handle = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, shared=shared)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, *, shared: bool) -> None:
    try:
        if sys.platform == "win32":
            if not shared:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        raise FolderInUse from error
