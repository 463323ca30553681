"""What makes a file this file, and whether it still is."""

import asyncio
import hashlib
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from uploader.engine.job import Fingerprint
from uploader.errors import FileChanged, FileGrowing, FileMissing, FileUnreadable, NotAFile

EDGE = 1024 * 1024
"""Bytes of head and tail that are hashed."""

QUIET = 2.0
"""Seconds without a change after which a file counts as complete."""

IDLE = 600.0
"""Seconds without a change after which a program that has the file open for writing does not count any more."""


def take(path: Path) -> Fingerprint:
    """The fingerprint of a file: reads at most two MiB. FileMissing, FileUnreadable, NotAFile."""
    with translated(path), path.open("rb") as file:
        status = os.fstat(file.fileno())
        head = hashlib.sha256(file.read(EDGE)).hexdigest()
        file.seek(max(0, status.st_size - EDGE))
        tail = hashlib.sha256(file.read(EDGE)).hexdigest()
    return Fingerprint(status.st_size, status.st_mtime_ns, head, tail)


def check(path: Path, known: Fingerprint) -> None:
    """One look at size and time, for between two pieces of an upload.

    Whatever is written while it is being sent is FileChanged, even if only the time differs: it may be the middle. Else
    FileMissing, FileUnreadable, NotAFile.
    """
    size, mtime_ns = look(path)
    if (size, mtime_ns) != (known.size, known.mtime_ns):
        raise FileChanged(f"{known.size} bytes became {size}" if size != known.size else "written to while being sent")


def verify(path: Path, known: Fingerprint) -> None:
    """Compare size, time and both ends with what is known, before an upload goes on.

    Another time alone is FileChanged, too: the hashes do not see an edit in the middle, and nobody knows how much of
    the file the server has already. Raises as `take` does.
    """
    found = take(path)
    if found.size != known.size:
        raise FileChanged(f"{known.size} bytes became {found.size}")
    if found != known:
        raise FileChanged("written to since its upload began")


def look(path: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns. FileMissing, FileUnreadable, NotAFile."""
    with translated(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(str(path))
    return status.st_size, status.st_mtime_ns


async def complete(path: Path, *, wait: Callable[[float], Awaitable[None]], now: datetime) -> None:
    """Return if nobody seems to be writing the file; FileGrowing otherwise.

    Two looks must agree. Where the last change is longer ago than `QUIET`, they need no pause between them; the
    fingerprint and the check before each piece are the second net. Looks are taken in a thread: a network drive that is
    gone may not answer for minutes.
    """
    before = await asyncio.to_thread(look, path)
    age = now.timestamp() - before[1] / 1e9
    if age < IDLE and await asyncio.to_thread(written_by_somebody, path):
        raise FileGrowing("open for writing")
    if age < QUIET:
        await wait(QUIET)
    if await asyncio.to_thread(look, path) != before:
        raise FileGrowing(f"was {before[0]} bytes")


def written_by_somebody(path: Path) -> bool:
    """Whether a process of ours has the file open for writing: on Linux, as far as we may look; False elsewhere."""
    if sys.platform != "linux":
        return False
    try:
        wanted = path.stat()
    except OSError:
        return False
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                if any(_writes(process, name, wanted) for name in os.listdir(process / "fd")):  # noqa: PTH208  (only names)
                    return True
    return False


def _writes(process: Path, descriptor: str, wanted: os.stat_result) -> bool:
    try:
        found = os.stat(process / "fd" / descriptor)  # noqa: PTH116  (many of them: no Path objects)
        if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino):
            return False
        lines = (process / "fdinfo" / descriptor).read_text().splitlines()
    except OSError:
        return False
    flags = next((int(line.split()[1], 8) for line in lines if line.startswith("flags:")), 0)
    return flags & os.O_ACCMODE in {os.O_WRONLY, os.O_RDWR}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the file system says about this path, in our errors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(str(error)) from error
    except IsADirectoryError as error:
        raise NotAFile(str(error)) from error
    except PermissionError as error:
        raise FileUnreadable(str(error)) from error
    except OSError as error:  # a drive that went away in the middle, a network share that does not answer
        raise FileMissing(f"{path}: {error}") from error
