"""Sessions: one engine a process; on SQLite every writing transaction takes the lock at once (BEGIN IMMEDIATE)."""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.orm import Session, sessionmaker

POOL = 20
POSTGRESQL: dict[str, Any] = {
    "pool_size": 10,  # a process; PostgreSQL's own default is a hundred for all of them
    "pool_pre_ping": True,  # one round trip, and a restarted database costs nobody an error
    "pool_timeout": 10,
    "connect_args": {"connect_timeout": 10, "application_name": "reelferry"},
}
CHANNEL = "reelferry_videos"
"""Where PostgreSQL carries announcements from one process to the others."""

PRAGMAS = ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")  # the wait first


class Database:
    """Opens sessions. `url` is the operator's DATABASE_URL; `postgresql://` means psycopg 3."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        more = POSTGRESQL if parsed.get_backend_name() == "postgresql" else {"pool_size": POOL}
        # an error would name the values of its statement: upload addresses, digests of tokens, people's words
        self.engine: Engine = create_engine(parsed, max_overflow=0, hide_parameters=True, **more)
        self._heard: list[Callable[[Collection[str]], None]] = []
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(
            self.engine.execution_options(readonly=True), expire_on_commit=False, autoflush=False
        )

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self.engine.dialect.name

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or rolls back. Never hold it across a provider call."""
        with self._writing.begin() as session:
            yield session
            announced: Collection[str] = session.info.get(announce, ())
            if announced and self.dialect == "postgresql":
                for user_id in sorted(announced):
                    session.execute(select(func.pg_notify(CHANNEL, user_id)))
        if announced:
            for heard in self._heard:
                heard(announced)

    def on_announcement(self, heard: Callable[[Collection[str]], None]) -> None:
        """Call this after each commit of this process that announced changes; in the thread that did, so be quick."""
        self._heard.append(heard)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking only."""
        with self._reading() as session:
            yield session

    def after_write(self, do: Callable[[], None]) -> None:
        """Call this after every transaction that this process commits; in the thread that did, so be quick."""
        event.listen(self._writing, "after_commit", lambda _session: do())

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def announce(session: Session, user_id: str) -> None:
    """Note that videos of this user, or who may watch them, change with this transaction: watchers look afterwards."""
    session.info.setdefault(announce, set()).add(user_id)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides, not the driver
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("readonly")
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")
