"""One server a data folder, and one an SQLite file wherever it lies: the second is told, instead of spoiling files.

On PostgreSQL several may share a folder.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class InUse(Exception):
    """Another server holds this; says what."""


@contextmanager
def hold(folder: Path, sqlite: Path | None) -> Iterator[None]:
    """Hold the folder, and the SQLite file, until the block ends or this process does, however it ends. Raises InUse.

    Without `sqlite` the folder is held together with others who do so; on Windows that is as good as not at all.
    """
    with ExitStack() as held:
        held.enter_context(_held(folder / "server.lock", f"the data folder {folder}", shared=sqlite is None))
        if sqlite is not None and sqlite.resolve().parent != folder.resolve() and sqlite.parent.is_dir():
            beside = sqlite.resolve().with_name(f"{sqlite.resolve().name}.lock")
            held.enter_context(_held(beside, f"the database {sqlite}", shared=False))
        yield


@contextmanager
def _held(file: Path, what: str, *, shared: bool) -> Iterator[None]:
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, what, shared=shared)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, what: str, *, shared: bool) -> None:
    try:
        if sys.platform == "win32":
            if not shared:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        raise InUse(what) from error
