"""The file the queue is kept in: opened, brought forward, and kept aside where it cannot be used."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from uploader.engine.job import Trouble
from uploader.errors import DiskFull, QueueNotSaved

log = logging.getLogger(__name__)

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        position INTEGER NOT NULL,
        version INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        aside TEXT
    ) STRICT;
    CREATE INDEX jobs_in_order ON jobs (position);
    CREATE TABLE deletions (video_id TEXT PRIMARY KEY) STRICT;
    """,
)
"""One script for each version of the schema, each leading from the one before it."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class _Unusable(Exception):
    """This database cannot be used. `why` is part of the name it is kept under."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def open_database(path: Path, now: datetime) -> tuple[sqlite3.Connection, Trouble | None]:
    """Open or create the database; one that cannot be used is renamed, a new one made, and a trouble says so."""
    try:
        return _connect(path), None
    except _Unusable as error:
        trouble = _keep_aside(path, error, now)
        return _connect(path), trouble


@contextmanager
def translated() -> Iterator[None]:
    """What SQLite and the disk say, as DiskFull or QueueNotSaved."""
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) == sqlite3.SQLITE_FULL:
            raise DiskFull(str(error)) from error
        raise QueueNotSaved(str(error)) from error
    except OSError as error:
        raise QueueNotSaved(str(error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        _prepare(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _code(error) in _DAMAGED:
            raise _Unusable("damaged", str(error)) from error
        raise
    except _Unusable:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _Unusable("damaged", found)
    migrate(connection, MIGRATIONS)


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the schema forward, each version in a transaction of its own."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise _Unusable("newer", f"schema {version}, and this program knows {len(migrations)}")
    for number, script in enumerate(migrations[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _keep_aside(path: Path, error: _Unusable, now: datetime) -> Trouble:
    """Rename a database that cannot be used, and say so."""
    aside = path.with_name(f"{path.stem}.{error.why}-{now:%Y%m%d-%H%M%S-%f}{path.suffix}")
    for ending in ("", "-wal", "-shm"):
        source = path.with_name(path.name + ending)
        if source.exists():
            source.rename(aside.with_name(aside.name + ending))
    log.warning("the queue's database was kept aside as %s: %s", aside.name, error)
    if error.why == "newer":
        title = "The queue was written by a newer Reelferry"
        hint = f"It is kept as {aside.name}. Update Reelferry and rename it back to {path.name} to have it again."
    else:
        title = "The queue on disk is damaged"
        hint = f"A new one was started, and the damaged one is kept as {aside.name}. Add your files again."
    return Trouble(f"queue_{error.why}", title, hint)
