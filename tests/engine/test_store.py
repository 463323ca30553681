"""The queue on disk: order, migrations, damage, and what a kill leaves."""

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.many_jobs import NOW, a_full_job, a_job
from uploader.engine import database
from uploader.engine.job import Draft, Job, Status
from uploader.engine.store import Store
from uploader.errors import DiskFull, QueueNotSaved

pytestmark = pytest.mark.anyio


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store.open(path)
    try:
        yield store
    finally:
        store.close()


def kept(path: Path) -> list[Job]:
    with opened(path) as store:
        return store.load()


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    job = a_full_job()
    with opened(path) as store:
        store.keep(job)
    assert kept(path) == [job]


def test_a_name_that_is_not_unicode_survives(tmp_path: Path) -> None:
    job = replace(a_job(), path=Path(os.fsdecode(b"/videos/caf\xe9 #1.mp4")))
    with opened(tmp_path / "q") as store:
        store.keep(job)
    assert kept(tmp_path / "q")[0].path == job.path


def test_the_last_word_counts_and_the_order_is_that_of_arrival(tmp_path: Path) -> None:
    first, second, third = a_job(), a_job(), a_job()
    with opened(tmp_path / "q") as store:
        for job in (first, second, third):
            store.keep(job)
        store.keep(first.to(Status.PAUSED))
        store.remove(second.id)
        store.order([third.id, first.id])
    assert kept(tmp_path / "q") == [third, first.to(Status.PAUSED)]


def test_a_new_job_goes_to_the_end_also_after_moves(tmp_path: Path) -> None:
    jobs = [a_job() for _ in range(4)]
    with opened(tmp_path / "q") as store:
        for job in jobs[:3]:
            store.keep(job)
        store.order([job.id for job in (jobs[2], jobs[0], jobs[1])])
    with opened(tmp_path / "q") as store:
        store.keep(jobs[3])
    assert kept(tmp_path / "q") == [jobs[2], jobs[0], jobs[1], jobs[3]]


async def test_settled_means_another_connection_can_read_it(tmp_path: Path) -> None:
    with opened(tmp_path / "q") as store:
        for number in range(100):
            store.keep(a_job())
            store.delete_later(f"video-{number}")
        await store.settled()
        connection = sqlite3.connect(tmp_path / "q")
        counts = connection.execute("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM deletions)").fetchone()
        connection.close()
    assert counts == (100, 100)


def test_deletions_are_kept_until_they_are_done(tmp_path: Path) -> None:
    with opened(tmp_path / "q") as store:
        store.delete_later("a")
        store.delete_later("b")
        store.deleted("a")
    with opened(tmp_path / "q") as store:
        assert store.deletions() == ["b"]


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    with opened(tmp_path / "data" / "q"):
        assert (tmp_path / "data" / "q").stat().st_mode & 0o077 == 0


def test_every_commit_is_on_the_disk_before_it_counts(tmp_path: Path) -> None:
    connection, _ = database.open_database(tmp_path / "q", datetime.now(UTC))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


# What cannot be read


@pytest.mark.loud
@pytest.mark.parametrize(
    "snapshot",
    ["", "{", "[]", '{"id": 1}', json.dumps({"id": "x", "path": 5}), "null"],
)
def test_a_row_that_cannot_be_read_is_set_aside_and_the_rest_loads(tmp_path: Path, snapshot: str) -> None:
    path = tmp_path / "q"
    jobs = [a_job(), a_job(), a_job()]
    with opened(path) as store:
        for job in jobs:
            store.keep(job)
    spoil(path, "UPDATE jobs SET snapshot = ? WHERE id = ?", snapshot, jobs[1].id)
    with opened(path) as store:
        assert store.load() == [jobs[0], jobs[2]]
        [note] = store.notes
        assert note.code == "job_unreadable"
        assert "One job" in note.title
    with opened(path) as store:
        assert store.load() == [jobs[0], jobs[2]]
        assert store.notes == (), "said once"


@pytest.mark.loud
def test_a_row_of_a_newer_program_comes_back_with_the_newer_program(tmp_path: Path) -> None:
    path = tmp_path / "q"
    job = a_job()
    with opened(path) as store:
        store.keep(job)
    spoil(path, "UPDATE jobs SET version = 99")
    with opened(path) as store:
        assert store.load() == []
        assert len(store.notes) == 1
    spoil(path, "UPDATE jobs SET version = 1")
    assert kept(path) == [job]


def test_only_what_an_older_program_would_post_twice_or_too_early_is_kept_from_it(tmp_path: Path) -> None:
    path = tmp_path / "q"
    plain, planned, high, handed = a_job(), a_job(), a_job(), a_job()
    with opened(path) as store:
        store.keep(plain)
        store.keep(replace(planned, draft=Draft(publish_at=NOW)))
        store.keep(replace(high, draft=Draft(min_height=720)))
        store.keep(replace(handed, handovers=1))
    with closing(sqlite3.connect(path)) as connection:
        versions = dict(connection.execute("SELECT id, version FROM jobs").fetchall())
    assert versions == {plain.id: 1, planned.id: 2, high.id: 2, handed.id: 2}


def test_a_queue_from_before_the_server_published_by_itself_opens_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "q"
    job = a_job()
    with opened(path) as store:
        store.keep(job)
    for field in ("$.handover", "$.handovers", "$.draft.publish_at", "$.draft.min_height"):
        spoil(path, f"UPDATE jobs SET snapshot = json_remove(snapshot, '{field}')")
    assert kept(path) == [job]


def test_fields_this_program_does_not_know_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "q"
    job = a_job()
    with opened(path) as store:
        store.keep(job)
    spoil(path, "UPDATE jobs SET snapshot = json_set(snapshot, '$.new_field', 1)")
    assert kept(path) == [job]


@pytest.mark.loud
@pytest.mark.parametrize("damage", ["no database", "a torn page", "cut short"])
def test_a_damaged_database_is_kept_aside_and_said_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "queue.sqlite3"
    with opened(path) as store:
        for _ in range(500):
            store.keep(a_job())
    content = bytearray(path.read_bytes())
    if damage == "no database":
        content = bytearray(b"this is a text file\n" * 100)
    elif damage == "a torn page":
        content[4096 * 3 : 4096 * 5] = os.urandom(8192)
    else:
        del content[4096 * 4 :]
    path.write_bytes(content)
    with opened(path) as store:
        assert store.load() == []
        [note] = store.notes
        assert note.code == "queue_damaged"
        [aside] = tmp_path.glob("queue.damaged-*.sqlite3")
        assert aside.name in note.hint
        assert aside.read_bytes() == content
        store.keep(a_job())
    assert len(kept(path)) == 1


@pytest.mark.loud
def test_a_database_of_a_newer_program_is_kept_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    with opened(path) as store:
        store.keep(a_job())
    spoil(path, "PRAGMA user_version = 99")
    with opened(path) as store:
        assert store.load() == []
        assert [note.code for note in store.notes] == ["queue_newer"]
    assert len(list(tmp_path.glob("queue.newer-*.sqlite3"))) == 1


def test_the_schema_goes_forward_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "q"
    job = a_job()
    with opened(path) as store:
        store.keep(job)
    connection = sqlite3.connect(path, isolation_level=None)
    further = (*database.MIGRATIONS, "ALTER TABLE jobs ADD COLUMN colour TEXT", "CREATE TABLE hues (name TEXT)")
    database.migrate(connection, further)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(further),)
    assert connection.execute("SELECT id, colour FROM jobs").fetchall() == [(job.id, None)]
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "q", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        database.migrate(connection, ("CREATE TABLE one (a)", "CREATE TABLE two (a); SELECT nonsense"))
    connection.close()
    connection = sqlite3.connect(tmp_path / "q")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("one",)]
    connection.close()


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(QueueNotSaved):
        Store.open(tmp_path / "file" / "q")


@pytest.mark.loud
async def test_a_full_disk_is_told_and_what_waited_is_written_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "q"
    jobs = [a_job() for _ in range(200)]
    with opened(path) as store:
        store._connection.execute("PRAGMA max_page_count = 12")
        for job in jobs:
            store.keep(job)
        with pytest.raises(DiskFull):
            await store.settled()
        store._connection.execute("PRAGMA max_page_count = 1000000")
        await store.settled()
    assert kept(path) == jobs


# What a kill leaves


@pytest.mark.parametrize("moves_before_kill", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
def test_a_kill_at_any_moment_loses_nothing_that_was_settled(tmp_path: Path, moves_before_kill: int) -> None:
    """A child moves jobs on and says each move once it is settled; it is killed in the middle of it."""
    path = tmp_path / "q"
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.killed_writer", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        lines = [child.stdout.readline() for _ in range(moves_before_kill)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines(keepends=True)
    assert child.wait() == -signal.SIGKILL
    found = {job.id: job.confirmed for job in kept(path)}
    for line in lines:
        if line.endswith("\n"):
            job_id, confirmed = line.split()
            assert found[job_id] >= int(confirmed)


# How fast


def test_the_garbage_collector_rests_only_while_the_queue_loads(tmp_path: Path) -> None:
    with opened(tmp_path / "queue.sqlite3") as store:
        store.keep(a_job())
    assert len(kept(tmp_path / "queue.sqlite3")) == 1
    assert gc.isenabled()


def test_a_queue_being_loaded_is_not_in_memory_twice(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite3"
    text = "x" * 50_000
    with opened(path) as store:
        for _ in range(100):
            store.keep(replace(a_job(), draft=Draft(text)))
    with opened(path) as store:
        tracemalloc.start()
        try:
            jobs = store.load()
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert held > len(jobs) * len(text) == 100 * len(text)
    assert most - held < 20 * len(text)


def spoil(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()
