"""Work to do later: rows in the same database, leased to one worker at a time: nothing lost, nothing doubled.

A job is enqueued inside the transaction that makes it necessary. A worker that dies loses its lease, and the job goes
to the next one; a worker that only seemed dead finds its results refused.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import ColumnElement, CursorResult, Result, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from uploader.backend.observer import Observer, Worked
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, new_id, now
from uploader.backend.store.once import insert_once
from uploader.backend.store.trouble import lost_race, out_of_reach

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
POLL = 2.0
"""Seconds between looks for what has become due by itself; what this process enqueues is seen at once."""

LONGEST_WAIT = 600
A_MOMENT = timedelta(seconds=1)


def enqueue(
    session: Session,
    kind: str,
    key: str,
    payload: Mapping[str, Any],
    *,
    run_at: datetime | None = None,
    max_attempts: int = 5,
) -> bool:
    """Add a job in the caller's transaction. False: there is, or was, one of the same `key`."""
    row = {
        "id": new_id(),
        "kind": kind,
        "key": key,
        "payload": dict(payload),
        "attempts": 0,
        "max_attempts": max_attempts,
        "run_at": run_at or now(),
    }
    return insert_once(session, JobRow, row, key=["key"])


def changed(result: Result[Any]) -> bool:
    """Whether an UPDATE or DELETE touched a row."""
    return cast("CursorResult[Any]", result).rowcount > 0


def release_all(session: Session) -> None:
    """Give every lease back: for the only process on this database, at its start, when no worker can be alive."""
    session.execute(update(JobRow).where(JobRow.done_at.is_(None)).values(lease_until=None))


def position(session: Session, kind: str, key: str) -> int | None:
    """How many jobs of this kind are to be done before this one, and itself: 1 = next. None once a worker has it."""
    mine = session.execute(select(JobRow.run_at, JobRow.id).where(JobRow.key == key, waiting())).one_or_none()
    if mine is None:
        return None
    earlier = or_(JobRow.run_at < mine.run_at, (JobRow.run_at == mine.run_at) & (JobRow.id <= mine.id))
    return session.scalar(select(func.count()).select_from(JobRow).where(JobRow.kind == kind, waiting(), earlier))


def waiting() -> ColumnElement[bool]:
    """A job that nobody has done and nobody is doing; perhaps it is not due yet."""
    return JobRow.done_at.is_(None) & or_(JobRow.lease_until.is_(None), JobRow.lease_until < now())


class Later(Exception):
    """The job cannot be done now, and it is not its fault: this attempt does not count. `after`: until the next."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again in {after}")
        self.after = after


class Lease:
    """One attempt at one job. `attempt` counts from 1; `final` says that no other follows if this one fails."""

    def __init__(self, row: JobRow, database: Database, length: timedelta, stopping: threading.Event) -> None:
        self.kind = row.kind
        self.payload: Mapping[str, Any] = row.payload
        self.attempt = row.attempts
        self.final = row.attempts >= row.max_attempts
        self.let_go = False
        self._row = row
        self._database = database
        self._length = length
        self._stopping = stopping

    def keep(self) -> bool:
        """Renew the lease. False: it was lost, or the server is stopping; end at once and write nothing more."""
        if not self.let_go:
            self.let_go = self._stopping.is_set() or not self._write(lease_until=now() + self._length)
        return not self.let_go

    def finish(self) -> None:
        """The work is done, for good."""
        self._write(done_at=now(), lease_until=None, error=None)

    def fail(self, error: str) -> None:
        """It did not work: later again, twice as late each time, or never."""
        wait = timedelta(seconds=min(2**self.attempt, LONGEST_WAIT))
        words = error.replace("\0", "").encode(errors="replace").decode()  # whatever it quotes: a database keeps it
        self._write(done_at=now() if self.final else None, lease_until=None, run_at=now() + wait, error=words)

    def give_back(self, after: timedelta = timedelta()) -> None:
        """It was not the job's fault: this attempt does not count."""
        self._write(lease_until=None, attempts=self.attempt - 1, run_at=now() + after)

    def _write(self, **values: datetime | int | str | None) -> bool:
        """Fenced: only the holder of this very lease may write. False if that is somebody else now."""
        mine = (JobRow.id == self._row.id, JobRow.worker == self._row.worker, JobRow.attempts == self.attempt)
        with self._database.write() as session:
            return changed(session.execute(update(JobRow).where(*mine, JobRow.done_at.is_(None)).values(**values)))


Handler = Callable[[Lease], None]


def claim(database: Database, kinds: Collection[str], worker: str, length: timedelta) -> JobRow | None:
    """Lease the job that has been due for longest. Looks before it takes the write lock: mostly there is none."""
    due = select(JobRow).where(JobRow.kind.in_(kinds), JobRow.run_at <= now(), waiting()).order_by(JobRow.run_at)
    with database.read() as session:
        if session.scalar(due.limit(1)) is None:
            return None
    with database.write() as session:
        row = session.scalar(due.limit(1).with_for_update(skip_locked=True))  # SQLite: BEGIN IMMEDIATE serialises
        if row is not None:
            row.attempts += 1
            row.worker = worker
            row.lease_until = now() + length
        return row


class Worker(threading.Thread):
    """Does jobs of the kinds it has handlers for, one at a time, until it is stopped.

    A handler that returns has done the job; one that raises `Later` wants another attempt then; one that raises
    anything else has failed this one.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        observer: Observer | None = None,
        lease: timedelta = LEASE,
        poll: float = POLL,
    ) -> None:
        super().__init__(name="worker-" + "-".join(sorted(handlers)))
        self.stopping = threading.Event()
        self._database = database
        self._handlers = handlers
        self._observer = observer or Observer()
        self._lease = lease
        self._poll = poll
        self._news = threading.Event()
        database.after_write(self._news.set)
        self._id = f"{socket.gethostname()[:16]}:{os.getpid()}:{uuid4().hex[:12]}"

    def stop(self) -> None:
        """Ask it to end; the job at hand is told by its lease, and given back. Then `join`."""
        self.stopping.set()
        self._news.set()

    def run(self) -> None:
        """The thread."""
        while not self.stopping.is_set():
            self._news.clear()  # before looking: what comes while we look is looked for again
            try:
                worked = self._step()
            except Exception as error:  # what was at hand comes again when its lease has run out
                if isinstance(error, SQLAlchemyError) and (lost_race(error) or out_of_reach(error)):
                    log.warning("The database did not answer; asking again", exc_info=True)
                else:
                    log.exception("A worker goes on after a mistake of ours")
                worked = False
            if not worked and not self.stopping.is_set():
                self._news.wait(self._poll)

    def _step(self) -> bool:
        row = claim(self._database, self._handlers.keys(), self._id, self._lease)
        if row is None:
            return False
        began = time.perf_counter()
        result = self._do(Lease(row, self._database, self._lease, self.stopping))
        self._observer.worked(row.kind, result, time.perf_counter() - began)
        return True

    def _do(self, lease: Lease) -> Worked:
        try:
            self._handlers[lease.kind](lease)
        except Later as later:
            lease.give_back(later.after)
            return "later"
        except Exception as error:  # one job must not end the worker
            if lease.let_go:
                lease.give_back()
                return "returned"
            if isinstance(error, SQLAlchemyError) and (lost_race(error) or out_of_reach(error)):
                log.warning("Job %s lost the database", lease.kind, exc_info=True)
                lease.give_back(A_MOMENT)
                return "returned"
            log.warning("Job %s failed, attempt %s", lease.kind, lease.attempt, exc_info=True)
            lease.fail(f"{type(error).__name__}: {error}"[:1000])
            return "given_up" if lease.final else "failed"
        if lease.let_go:
            lease.give_back()
            return "returned"
        lease.finish()
        return "done"
