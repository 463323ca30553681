import logging
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.backend.asking import eventually
from uploader.backend import jobs
from uploader.backend.jobs import LEASE, Handler, Lease, Worker, claim, enqueue
from uploader.backend.observer import Observer, Worked
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, now

PATIENCE = 300
"""Seconds that processes have to start and to end."""


@contextmanager
def working(database: Database, handler: Handler, lease: timedelta = LEASE) -> Iterator[Worker]:
    worker = Worker(database, {"work": handler}, lease=lease, poll=0.01)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        worker.join(60)
        assert not worker.is_alive()


def add(database: Database, key: str = "k", **more: int) -> bool:
    with database.write() as session:
        return enqueue(session, "work", key, {"key": key}, **more)  # type: ignore[arg-type] # only max_attempts comes


def row(database: Database, key: str = "k") -> JobRow:
    with database.read() as session:
        return session.scalars(select(JobRow).where(JobRow.key == key)).one()


def make_due(database: Database, key: str = "k") -> None:
    with database.write() as session:
        session.scalars(select(JobRow).where(JobRow.key == key)).one().run_at = now()


def test_a_job_is_done_once_and_its_key_is_never_done_again(database: Database):
    done: list[str] = []
    assert add(database)
    with working(database, lambda lease: done.append(lease.payload["key"])):
        eventually(lambda: row(database).done_at is not None)
        assert not add(database)
        assert add(database, "other")
        eventually(lambda: row(database, "other").done_at is not None)
    assert done == ["k", "other"]


def test_what_is_enqueued_is_seen_at_once_without_looking_all_the_time(database: Database):
    done = threading.Event()
    worker = Worker(database, {"work": lambda _lease: done.set()}, poll=3600)
    worker.start()
    try:
        add(database)
        assert done.wait(60)
    finally:
        worker.stop()
        worker.join(60)
    assert not worker.is_alive(), "it does not sleep through its end"


def test_a_job_belongs_to_the_transaction_that_enqueues_it(database: Database):
    with database.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(JobRow)) == 0

    def fail() -> None:
        with database.write() as session:
            enqueue(session, "work", "k", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(JobRow)) == 0


def test_a_job_waits_for_its_time(database: Database):
    with database.write() as session:
        enqueue(session, "work", "later", {}, run_at=now() + timedelta(hours=1))
    assert claim(database, ["work"], "w", LEASE) is None
    make_due(database, "later")
    assert claim(database, ["work"], "w", LEASE) is not None


def test_a_worker_takes_only_the_kinds_it_can_do(database: Database):
    add(database)
    assert claim(database, ["other"], "w", LEASE) is None


def test_jobs_are_taken_in_the_order_in_which_they_are_due(database: Database):
    for key in ("a", "b", "c"):
        add(database, key)
    taken = [claim(database, ["work"], "w", LEASE) for _ in range(4)]
    assert [one and one.key for one in taken] == ["a", "b", "c", None]


@pytest.mark.loud
def test_a_job_that_fails_is_tried_later_and_later_and_then_given_up(database: Database):
    tries: list[tuple[int, bool]] = []

    def fail(lease: Lease) -> None:
        tries.append((lease.attempt, lease.final))
        raise ValueError("no luck")

    add(database, max_attempts=3)
    worker = Worker(database, {"work": fail})  # in this thread: an hour may pass between two of these lines
    for seconds in (2, 4, 8):
        before = now()
        assert worker._step()
        wait = timedelta(seconds=seconds)
        assert before + wait <= row(database).run_at <= now() + wait
        make_due(database)
    assert not worker._step()
    assert tries == [(1, False), (2, False), (3, True)]
    ended = row(database)
    assert ended.done_at is not None
    assert ended.error == "ValueError: no luck"


def test_words_that_no_database_keeps_are_no_reason_to_lose_a_job(database: Database, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL, "uploader")  # xdist cannot pass on such words either

    def fail(_lease: Lease) -> None:
        raise ValueError("half a letter: \udcff, and none: \0")

    add(database, max_attempts=1)
    with working(database, fail):
        eventually(lambda: row(database).done_at is not None)
    assert row(database).error == "ValueError: half a letter: ?, and none: "


@pytest.mark.loud
def test_a_worker_outlives_a_mistake_of_ours(database: Database):
    class Mistaken(Observer):
        def worked(self, kind: str, result: Worked, seconds: float) -> None:
            raise RuntimeError("nobody foresaw this")

    worker = Worker(database, {"work": lambda _lease: None}, observer=Mistaken(), poll=0.01)
    worker.start()
    try:
        add(database, "first")
        eventually(lambda: row(database, "first").done_at is not None)
        add(database, "second")
        eventually(lambda: row(database, "second").done_at is not None)
    finally:
        worker.stop()
        worker.join(60)


def test_the_lease_of_a_worker_that_stays_away_goes_to_the_next_and_its_result_is_refused(database: Database):
    add(database)
    stopping = threading.Event()
    short = timedelta(seconds=0)
    first = Lease(_claimed(database, "first", short), database, LEASE, stopping)
    second = Lease(_claimed(database, "second", LEASE), database, LEASE, stopping)
    assert (first.attempt, second.attempt) == (1, 2)
    assert not first.keep(), "somebody else holds it now"
    first.finish()
    assert row(database).done_at is None
    assert second.keep()
    second.finish()
    assert row(database).done_at is not None
    assert not second.keep(), "what is done is nobody's"


def _claimed(database: Database, worker: str, length: timedelta) -> JobRow:
    found = claim(database, ["work"], worker, length)
    assert found is not None
    return found


def test_keeping_the_lease_keeps_others_away(database: Database):
    add(database)
    lease = Lease(_claimed(database, "first", timedelta(0)), database, LEASE, threading.Event())
    assert lease.keep()
    assert claim(database, ["work"], "second", LEASE) is None


def test_a_stopping_server_gives_the_job_back_without_counting_the_attempt(database: Database):
    add(database)
    began = threading.Event()

    def long_work(lease: Lease) -> None:
        began.set()
        while lease.keep():
            pass

    with working(database, long_work):
        assert began.wait(60)
    after = row(database)
    assert (after.done_at, after.lease_until, after.attempts) == (None, None, 0)


def test_a_job_that_breaks_off_because_the_server_stops_has_not_failed(database: Database):
    add(database)
    began = threading.Event()

    def long_work(lease: Lease) -> None:
        began.set()
        while lease.keep():
            pass
        raise InterruptedError

    with working(database, long_work):
        assert began.wait(60)
    after = row(database)
    assert (after.done_at, after.attempts, after.error) == (None, 0, None)


def test_at_the_start_of_the_only_server_every_lease_is_free(database: Database):
    add(database)
    _claimed(database, "killed", LEASE)
    assert claim(database, ["work"], "next", LEASE) is None
    with database.write() as session:
        jobs.release_all(session)
    assert _claimed(database, "next", LEASE).attempts == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_four_processes_one_of_them_killed_do_every_job_once(database: Database):
    url = database.engine.url.render_as_string(hide_password=False)
    with database.write() as session:
        for number in range(100):
            enqueue(session, "count", f"k{number}", {"key": f"k{number}"})
    with _process(url, "dies") as dies, _process(url) as second, _process(url) as third, _process(url) as fourth:
        outputs = [_reading(one) for one in (dies, second, third, fourth)]
        _let_go(dies)
        eventually(lambda: outputs[0].lines, PATIENCE)
        held = outputs[0].lines[0].removeprefix("holding ").strip()
        for one in (second, third, fourth):
            _let_go(one)
        eventually(lambda: any(output.lines for output in outputs[1:]), PATIENCE)
        dies.kill()
        dies.wait()
        with database.write() as session:  # the lease is long, so that nobody loses one by being slow
            session.scalars(select(JobRow).where(JobRow.key == held)).one().lease_until = now()
        for output in outputs:
            output.thread.join(PATIENCE)
    did = Counter(line.split()[1] for output in outputs for line in output.lines if line.startswith("did"))
    assert did == {f"k{number}": 1 for number in range(100)}
    with database.read() as session:
        assert session.scalar(select(func.count()).where(JobRow.done_at.is_(None))) == 0


class _Output:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[str] = []
        self.thread = threading.Thread(target=self._read, args=(process,))
        self.thread.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.lines.extend(iter(process.stdout.readline, ""))


def _reading(process: "subprocess.Popen[str]") -> _Output:
    return _Output(process)


@contextmanager
def _process(url: str, *how: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "tests.backend.job_process", url, *how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
