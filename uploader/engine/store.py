"""The queue on disk: SQLite, one row a job.

What is committed survives `kill -9`, and a power cut too: the database is in WAL mode with `synchronous=FULL`, so a
commit is on the disk before anybody acts on it (with NORMAL a power cut could take the last commits back, and with them
the fact that a post may be out). A sync takes milliseconds, so a thread does it: it commits all that is waiting as one
transaction, and the event loop never waits. Whoever is about to do what cannot be taken back waits for `settled`.
"""

import contextlib
import gc
import json
import logging
import sqlite3
import threading
from asyncio import wrap_future
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from uploader.engine.database import open_database, translated
from uploader.engine.job import Job, Trouble
from uploader.errors import QueueNotSaved, Transient

log = logging.getLogger(__name__)

SNAPSHOT = 2
"""The newest version of a job's snapshot. It goes up when an older program would misread what a newer one wrote."""

RETRY = 5.0
"""Seconds until a commit that failed is tried again without being asked to."""

_snapshots = TypeAdapter(Job)


@dataclass(slots=True)
class _Pending:
    """What waits for the next commit: the last word about each thing. None takes it away."""

    jobs: dict[str, Job | None] = field(default_factory=dict)
    order: tuple[str, ...] | None = None
    deletions: dict[str, bool] = field(default_factory=dict)
    waiters: list[Future[None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.jobs or self.order or self.deletions or self.waiters)

    def under(self, newer: "_Pending") -> "_Pending":
        """Both, where the newer word wins. The waiters of this one have been answered."""
        return _Pending(
            self.jobs | newer.jobs, newer.order or self.order, self.deletions | newer.deletions, newer.waiters
        )


class Store:
    """Loads once, then writes behind. Call it from one thread; `close` it to have everything on disk."""

    def __init__(self, connection: sqlite3.Connection, notes: list[Trouble]) -> None:
        self._connection = connection
        self._notes = notes
        self._pending = _Pending()
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_behind, name="queue store")

    @classmethod
    def open(cls, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        """Open or create the database. One that is damaged is kept beside it under another name, and `notes` says so.

        Blocks for the time of a few reads. Raises DiskFull or QueueNotSaved where no database can be had.
        """
        with translated():
            connection, trouble = open_database(path, now())
        store = cls(connection, [] if trouble is None else [trouble])
        store._thread.start()
        return store

    @property
    def notes(self) -> tuple[Trouble, ...]:
        """What a person should know about how it opened and loaded."""
        return tuple(self._notes)

    def load(self) -> list[Job]:
        """Every job that can be read, in order. The others stay where they are, and `notes` says how many.

        Row by row: all of them at once would be in memory twice, as text and as jobs.
        """
        with translated():
            rows = self._connection.execute("SELECT id, version, snapshot, aside FROM jobs ORDER BY position, id")
            jobs, aside = [], []
            with _nothing_collected():
                for job_id, version, snapshot, was_aside in rows:
                    try:
                        jobs.append(_thaw(version, snapshot))
                    except ValueError as error:
                        if was_aside is None:
                            log.warning("row %s cannot be read: %s", job_id, error)
                            aside.append((str(error)[:1000], job_id))
            if aside:
                with self._connection:
                    self._connection.executemany("UPDATE jobs SET aside = ? WHERE id = ?", aside)
                self._notes.append(_unreadable(len(aside)))
        return jobs

    def deletions(self) -> list[str]:
        """The ids of videos that the server has still to be told to delete."""
        with translated():
            return [video_id for (video_id,) in self._connection.execute("SELECT video_id FROM deletions")]

    def keep(self, job: Job) -> None:
        """Write a job, a new one at the end of the order."""
        with self._putting() as pending:
            pending.jobs[job.id] = job

    def remove(self, job_id: str) -> None:
        """Take a job away."""
        with self._putting() as pending:
            pending.jobs[job_id] = None

    def order(self, job_ids: Sequence[str]) -> None:
        """Write the order: every id, first to last."""
        with self._putting() as pending:
            pending.order = tuple(job_ids)

    def delete_later(self, video_id: str) -> None:
        """Remember that the server has to delete a video."""
        with self._putting() as pending:
            pending.deletions[video_id] = True

    def deleted(self, video_id: str) -> None:
        """The server has deleted it, or never will."""
        with self._putting() as pending:
            pending.deletions[video_id] = False

    async def settled(self) -> None:
        """Return once everything handed over so far is on disk. Raises DiskFull or QueueNotSaved."""
        waiter: Future[None] = Future()
        with self._putting() as pending:
            pending.waiters.append(waiter)
        await wrap_future(waiter)

    def close(self) -> None:
        """Write what is waiting, then close. Blocks until that is done, or has failed once."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._connection.close()

    @contextmanager
    def _putting(self) -> Iterator[_Pending]:
        with self._changed:
            if self._closing:
                raise RuntimeError("the store is closed")
            yield self._pending
            self._changed.notify()

    def _write_behind(self) -> None:
        failed = False
        while True:
            with self._changed:
                if failed:
                    self._changed.wait_for(lambda: self._closing or bool(self._pending.waiters), timeout=RETRY)
                else:
                    self._changed.wait_for(lambda: self._closing or bool(self._pending))
                batch, self._pending, closing_now = self._pending, _Pending(), self._closing
            failed = not self._commit(batch)
            if closing_now:
                return

    def _commit(self, batch: _Pending) -> bool:
        try:
            with translated(), self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                _write(self._connection, batch)
        except Transient as error:
            log.error("the queue could not be saved: %s", error.detail)  # noqa: TRY400  (translated; the detail says it)
            self._put_back(batch, error)
            return False
        except Exception as error:
            log.exception("the queue could not be saved")
            self._put_back(batch, QueueNotSaved(repr(error)))
            return False
        _answer(batch.waiters, None)
        return True

    def _put_back(self, batch: _Pending, error: Transient) -> None:
        with self._changed:
            self._pending = batch.under(self._pending)
        _answer(batch.waiters, error)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Nothing of a queue being loaded is garbage; looking for it takes two fifths of the time of ten thousand jobs."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _answer(waiters: list[Future[None]], error: Transient | None) -> None:
    for waiter in waiters:
        if not waiter.set_running_or_notify_cancel():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)


def _write(connection: sqlite3.Connection, batch: _Pending) -> None:
    connection.executemany(
        "INSERT INTO jobs (id, position, version, snapshot)"
        " VALUES (?, (SELECT coalesce(max(position), -1) + 1 FROM jobs), ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET version = excluded.version, snapshot = excluded.snapshot, aside = NULL",
        ((job.id, _version(job), _freeze(job)) for job in batch.jobs.values() if job is not None),
    )
    connection.executemany(
        "DELETE FROM jobs WHERE id = ?", ((job_id,) for job_id, job in batch.jobs.items() if job is None)
    )
    connection.executemany(
        "UPDATE jobs SET position = ?1 WHERE id = ?2 AND position <> ?1", enumerate(batch.order or ())
    )
    for video_id, wanted in batch.deletions.items():
        statement = (
            "INSERT OR IGNORE INTO deletions VALUES (?)" if wanted else "DELETE FROM deletions WHERE video_id = ?"
        )
        connection.execute(statement, (video_id,))


def _version(job: Job) -> int:
    """2 for what a program of version 1 would post a second time, or too early; it puts such a job aside."""
    return 2 if job.handovers or job.draft.publish_at or job.draft.min_height else 1


def _freeze(job: Job) -> str:
    """A job as ASCII JSON: names of files that are not Unicode survive as escapes."""
    return json.dumps(_snapshots.dump_python(job, mode="json"))


def _thaw(version: int, snapshot: str) -> Job:
    if version > SNAPSHOT:
        raise ValueError("a newer Reelferry wrote it")
    with contextlib.suppress(ValidationError):
        return _snapshots.validate_json(snapshot)
    try:  # slower, and takes the escapes of names that are not Unicode
        return _snapshots.validate_python(json.loads(snapshot))
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} of its fields make no sense") from error


def _unreadable(count: int) -> Trouble:
    what = "One job" if count == 1 else f"{count} jobs"
    return Trouble(
        "job_unreadable",
        f"{what} in the queue could not be read",
        "Nothing was deleted: it stays in the queue's database. The other jobs go on.",
    )
