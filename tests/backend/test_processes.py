"""Several processes and several hosts on one database: what works, and what is refused at the start."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import httpx
import pytest

from tests.backend.asking import eventually
from tests.backend.databases import databases
from tests.backend.fake_provider import FakeProvider
from tests.backend.figures import Read, at_rest
from tests.backend.local.test_transcode_crash import port_to_keep
from tests.backend.server import NO_TLS, client, config_in, make_token, make_user, serving
from uploader.backend.config import ConfigProblems
from uploader.backend.providers import PROVIDERS
from uploader.backend.server import prepared
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, now
from uploader.paths import own_command

PATIENCE = 300
pytestmark = pytest.mark.timeout(900)
ONCE = pytest.mark.one_database("SQLite is one process's", on="postgresql")
MUX = {"VIDEO_PROVIDER": "mux", "MUX_TOKEN_ID": "an-id", "MUX_TOKEN_SECRET": "hunter5"}


@pytest.mark.one_database("what SQLite refuses")
@pytest.mark.parametrize("words", [["serve", "--workers", "2", "--port", "0"], ["worker"]])
def test_sqlite_with_more_than_one_process_refuses_to_start(words: list[str], tmp_path: Path):
    command = own_command("server", *words, "--data", str(tmp_path))  # not here: it would take our log and its hooks
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "needs PostgreSQL" in done.stderr


@ONCE
def test_two_servers_may_share_database_and_folder(tmp_path: Path):
    with serving(tmp_path, {"local": FakeProvider}) as one, serving(tmp_path, {"local": FakeProvider}) as other:
        for backend in (one, other):
            with client(backend) as anybody:
                assert anybody.get("/healthz").status_code == 200


@ONCE
def test_the_local_provider_on_another_folder_refuses_to_start_until_it_is_said_to_take_its_place(tmp_path: Path):
    with serving(tmp_path / "one", {"local": FakeProvider}) as backend:
        url = backend.config.database_url
    other = config_in(tmp_path / "other", DATABASE_URL=url)
    with pytest.raises(ConfigProblems, match="belongs to another data folder") as refused, prepared(other):
        pass
    known = (tmp_path / "one" / "folder-id").read_text()
    assert known in str(refused.value)
    (tmp_path / "other" / "folder-id").write_text(known)
    with serving(tmp_path / "other", {"local": FakeProvider}, DATABASE_URL=url):
        pass


@ONCE
def test_a_provider_elsewhere_needs_no_shared_folder_but_the_same_secrets(tmp_path: Path):
    with serving(tmp_path / "one", PROVIDERS, **MUX) as backend:
        url, key, secret = backend.config.database_url, backend.config.app_key, backend.config.webhook_secret
    other = config_in(tmp_path / "other", DATABASE_URL=url, **MUX)
    with pytest.raises(ConfigProblems, match="APP_KEY and WEBHOOK_SECRET must be set"), prepared(other):
        pass
    with serving(tmp_path / "other", PROVIDERS, **MUX, DATABASE_URL=url, APP_KEY=key, WEBHOOK_SECRET=secret):
        pass


@contextmanager
def started(*words: str, data: Path, **environ: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "uploader", "server", *words, "--data", str(data)]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=os.environ | environ) as process:
        try:
            yield process
        finally:
            process.kill()


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(one) for one in found]


@contextmanager
def asleep(process: int) -> Iterator[None]:
    """It does nothing while the block runs, so that what is asked is answered by another one."""
    os.kill(process, signal.SIGSTOP)
    try:
        eventually(lambda: ") T " in Path(f"/proc/{process}/stat").read_text(), PATIENCE)
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@ONCE
@pytest.mark.timeout(600)
def test_a_killed_process_is_replaced_lessens_no_figure_and_a_job_of_a_killed_worker_is_done(tmp_path: Path):
    database_url, metrics_port = databases.url(tmp_path) or "", port_to_keep()
    database = Database(database_url)
    headers = {"Authorization": f"Bearer {make_token(database, make_user(database))}"}
    counters = tmp_path / "counters"
    counters.mkdir()
    environ = {"DATABASE_URL": database_url, "METRICS_PORT": str(metrics_port), "TMPDIR": str(counters)}
    with started("serve", "--port", "0", "--workers", "2", data=tmp_path, **environ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line, server.stderr and server.stderr.read()
        url, figures = json.loads(line)["url"], f"http://127.0.0.1:{metrics_port}/metrics"

        def asked() -> httpx.Client:
            return httpx.Client(base_url=url, headers=headers, trust_env=False, verify=NO_TLS, timeout=2 * PATIENCE)

        def ask(times: int, *, but: int) -> None:
            with asleep(but), asked() as somebody:
                for _ in range(times):
                    assert somebody.get("/api/me").json()["username"] == "ann"

        def counted() -> float:
            return at_rest(figures).all_of("reelferry_request_seconds_count", route="/api/me", status="200")

        one, other = children(server.pid)
        ask(3, but=one)
        ask(4, but=other)
        assert counted() == 7
        with asked() as reader, asleep(other):
            stream = reader.send(reader.build_request("GET", "/api/videos/events"), stream=True)
            assert next(stream.iter_lines()).startswith("retry:")
            assert Read(figures).of("reelferry_streams_open") == 1
            os.kill(one, signal.SIGKILL)
            eventually(lambda: one not in children(server.pid) and len(children(server.pid)) == 2, PATIENCE)
            stream.close()
        assert counted() == 7
        assert Read(figures).of("reelferry_streams_open") == 0, "nobody reads it any more"
        assert Read(figures).of("reelferry_processes_replaced_total") == 1
        ask(5, but=other)
        assert counted() == 12

        held = _held_by_a_dead_worker(database)
        eventually(lambda: _done(database, held), PATIENCE)
        crew = children(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0
        eventually(lambda: not any(Path(f"/proc/{one}").exists() for one in crew), PATIENCE)
        assert list(counters.iterdir()) == []
    database.close()


@ONCE
def test_a_worker_does_jobs_counts_them_and_answers_nobody(tmp_path: Path):
    url, port = databases.url(tmp_path) or "", str(port_to_keep())
    database = Database(url)
    held = _held_by_a_dead_worker(database)
    environ = {"DATABASE_URL": url, "PUBLIC_URL": "http://localhost:9", "METRICS_PORT": port}
    with started("worker", data=tmp_path, **environ) as worker:
        eventually(lambda: _done(database, held), PATIENCE)
        done = {"kind": "forget", "result": "done"}
        figures = f"http://127.0.0.1:{port}/metrics"
        eventually(lambda: Read(figures).of("reelferry_job_seconds_count", **done) == 1, PATIENCE)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    database.close()


def _held_by_a_dead_worker(database: Database) -> str:
    """The id of a job whose lease nobody keeps any more: to forget an upload that the local provider does not have."""
    payload = {"provider": "local", "uploadId": "0" * 32}
    row = JobRow(kind="forget", key="forget:x", payload=payload, attempts=1, run_at=now())
    row.worker, row.lease_until = "a dead worker", now()
    with database.write() as session:  # in one: somebody who is alive looks for jobs already
        session.add(row)
    return row.id


def _done(database: Database, job_id: str) -> bool:
    with database.read() as session:
        return session.get_one(JobRow, job_id).done_at is not None
