from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backend.asking import refused
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import client, config_in, serving
from uploader.backend.context import Backend
from uploader.backend.readiness import reasons
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, now

NO_WORKER = ["No worker takes up jobs that are due."]


def job(kind: str, *, due: timedelta, leased: bool = False) -> JobRow:
    """A job whose kind nobody here does."""
    return JobRow(
        kind=kind,
        key=f"{kind} {due} {leased}",
        payload={},
        run_at=now() - due,
        lease_until=now() + timedelta(hours=1) if leased else None,
    )


def test_a_running_server_says_that_it_is_well_and_ready(backend: Backend):
    with client(backend) as anybody:
        well, ready = anybody.get("/healthz"), anybody.get("/readyz")
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_a_full_disk_is_a_reason_not_to_be_ready_and_none_to_start_anew(tmp_path: Path):
    with (
        serving(tmp_path, {"local": FakeProvider}, DISK_RESERVE_MB=str(1 << 30)) as desk,
        client(desk) as anybody,
    ):
        reply = anybody.get("/readyz")
        assert refused(reply) == (503, "not_ready")
        assert reply.json()["error"] == "The disk of the data folder has less left than DISK_RESERVE_MB."
        assert int(reply.headers["retry-after"]) > 0
        assert anybody.get("/healthz").status_code == 200


@pytest.mark.loud
def test_all_reasons_are_told_at_once_and_no_secret_with_them(tmp_path: Path):
    config = replace(config_in(tmp_path), data=tmp_path / "nowhere")
    database = Database(f"sqlite:///{tmp_path}/nowhere/hunter2.sqlite3")
    assert reasons(Backend(config, database, {}, now, "")) == [
        "The data folder cannot be written to.",
        "The database does not answer.",
    ]
    database.close()


def test_a_schema_of_another_version_is_a_reason(desk: Backend):
    with desk.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    (reason,) = reasons(desk)
    assert reason.startswith("The database has another schema")


def test_a_job_that_nobody_takes_up_is_a_reason(desk: Backend):
    with desk.database.write() as session:
        session.add(job("juggle", due=timedelta(minutes=2)))
    assert reasons(desk) == NO_WORKER


def test_a_long_queue_behind_a_job_at_work_is_none(desk: Backend):
    with desk.database.write() as session:
        session.add(job("juggle", due=timedelta(hours=2)))
        session.add(job("juggle", due=timedelta(hours=3), leased=True))
    assert reasons(desk) == []
    with desk.database.write() as session:
        session.add(job("sing", due=timedelta(hours=2)))
    assert reasons(desk) == NO_WORKER, "one kind at work says nothing about another"


def test_a_job_for_later_or_just_due_is_none(desk: Backend):
    with desk.database.write() as session:
        session.add_all([job("juggle", due=-timedelta(hours=1)), job("juggle", due=timedelta(seconds=5))])
    assert reasons(desk) == []


def test_an_unknown_address_is_an_error_in_our_shape(backend: Backend):
    with client(backend) as anybody:
        reply = anybody.get("/api/nothing-here")
    assert (reply.status_code, reply.json()) == (404, {"error": "Not found", "code": "not_found"})


def test_a_known_address_with_another_method_is_refused_in_our_shape(backend: Backend):
    with client(backend) as anybody:
        reply = anybody.put("/healthz")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
