"""The command itself, as a process: what it prints, what it refuses, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.backend.asking import eventually
from tests.backend.server import make_token, make_user, visitor
from uploader.backend.__main__ import main
from uploader.backend.store.database import Database

pytestmark = [pytest.mark.one_database("these servers have SQLite, as everybody's own has"), pytest.mark.timeout(900)]
SERVER = [sys.executable, "-m", "uploader", "server"]


class Started:
    """A server process that listens. `said` is its line on stdout."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        self.said: dict[str, Any] = json.loads(line)

    @property
    def url(self) -> str:
        return str(self.said["url"])

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code and everything on stderr. Fails where it would wait for open connections."""
        self.process.send_signal(signal.SIGTERM)
        _, stderr = self.process.communicate(timeout=300)
        return self.process.returncode, stderr


@contextmanager
def started(data: Path, *more: str, **environ: str) -> Iterator[Started]:
    command = [*SERVER, "serve", "--port", "0", "--data", str(data), *more]
    with subprocess.Popen(
        command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, env=os.environ | environ
    ) as process:
        try:
            yield Started(process)
        finally:
            process.kill()


def run(*arguments: str, data: Path, stdin: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """In a session of its own: it has no terminal."""
    command = [*SERVER, *arguments, "--data", str(data)]
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | environ,
        timeout=300,
        check=False,
        start_new_session=True,
    )


def test_serving_says_in_one_line_where_it_listens_and_ends_cleanly_with_open_connections(tmp_path: Path):
    with started(tmp_path / "data", "--exit-with-parent") as server:
        assert server.said["setupUrl"].startswith(f"{server.url}/setup/")
        named = {"X-Request-Id": "from-the-proxy"}
        with visitor(server.url, named) as anybody:
            assert anybody.get("/readyz").json() == {"status": "ready"}
        where = urlsplit(server.url)
        assert where.hostname == "127.0.0.1"
        assert where.port
        idle = socket.create_connection((where.hostname, where.port))
        half = socket.create_connection((where.hostname, where.port))
        half.sendall(b"POST /api/posts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        with idle, half:
            with visitor(server.url) as anybody:
                assert anybody.get("/healthz").status_code == 200
            code, stderr = server.end()
    assert code == 0
    assert "Traceback" not in stderr
    assert "/setup/" not in stderr, "a parent keeps stderr as a log"
    assert "GET /healthz 200" in stderr
    (line,) = [json.loads(line) for line in stderr.splitlines() if '"route": "/readyz"' in line]
    assert (line["request_id"], line["status"], line["received"]) == ("from-the-proxy", 200, 0)
    assert '"level": "error"' not in stderr
    assert '"level": "warning"' not in stderr


def test_an_upload_in_mid_piece_and_an_event_stream_do_not_keep_the_server_which_keeps_what_arrived(tmp_path: Path):
    data = tmp_path / "data"
    with started(data) as server:
        database = Database(f"sqlite:///{data / 'reelferry.sqlite3'}")
        token = make_token(database, make_user(database))
        database.close()
        asked = {"filename": "a.mp4", "fileSize": 9_000_000, "mimeType": "video/mp4"}
        with ExitStack() as open_still:
            person = open_still.enter_context(visitor(server.url, {"Authorization": f"Bearer {token}"}))
            where = urlsplit(person.post("/api/videos/upload-url", json=asked).json()["uploadUrl"])
            raw = open_still.enter_context(socket.create_connection((where.hostname or "", where.port or 0)))
            events = open_still.enter_context(person.stream("GET", "/api/videos/events")).iter_lines()
            assert next(events).startswith("retry:")
            assert any('"uploading"' in line for line in events)
            head = (
                f"PATCH {where.path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
                "Content-Type: application/offset+octet-stream\r\nContent-Length: 9000000\r\n\r\n"
            )
            raw.sendall(head.encode() + b"x" * 5_000_000)
            kept = data / "uploads" / where.path.rpartition("/")[2]
            eventually(lambda: kept.exists() and kept.stat().st_size > 0)
            code, stderr = server.end()
            list(events)  # the stream came to its end, and was not cut off
    assert code == 0
    assert "Traceback" not in stderr
    assert '"level": "error"' not in stderr
    assert "PATCH /files/{upload_id}" in stderr, "the access line names the route"
    assert where.path not in stderr, "an upload address is a secret"
    assert kept.read_bytes() == b"x" * kept.stat().st_size


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path):
    with started(tmp_path / "data", "--exit-with-parent") as server:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(300) == 0


def test_a_wrong_configuration_is_one_line_a_problem_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    wrong = {"MAX_VIDEO_DURATION_MINUTES": "long", "MAX_VIDEO_SIZE_MB": "big", "ALLOW_SIGNUP": "perhaps"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sorted(line.split("=")[0] for line in said.err.splitlines()) == sorted(wrong)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", [[], ["user"], ["dance"], ["serve", "--port", "many"]])
def test_words_that_make_no_sense_are_help_and_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: reelferry-server" in capsys.readouterr().err


def test_accounts_are_made_from_the_command_line_also_beside_a_running_server(tmp_path: Path):
    data = tmp_path / "data"
    made = run("user", "add", "ann", "--password-stdin", data=data, stdin="correct horse battery\n")
    assert made.returncode == 0, made.stderr
    with started(data) as server:
        assert server.said["setupUrl"] is None, "there is an account"
        again = run("user", "add", "ann", "--password-stdin", data=data, stdin="correct horse battery\n")
        assert again.returncode == 1
        with visitor(server.url) as anybody:
            assert anybody.get("/healthz").status_code == 200


def test_where_nobody_can_type_a_password_the_command_says_how_to_pass_it_in(tmp_path: Path):
    asked = run("user", "add", "ann", data=tmp_path / "data")
    assert asked.returncode == 1
    assert "Use --password-stdin" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_where_an_issuer_keeps_the_accounts_none_is_made_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in {"AUTH_ISSUER": "https://id.example", "AUTH_AUDIENCE": "films"}.items():
        monkeypatch.setenv(name, value)
    with started(tmp_path / "data") as server:
        assert server.said["setupUrl"] is None
        assert server.end()[0] == 0
    for words in (["add", "ann"], ["passwd", "ann"]):
        assert main(["user", *words, "--data", str(tmp_path / "data")]) == 2
        assert "Accounts are kept at https://id.example (AUTH_ISSUER)" in capsys.readouterr().err
    assert main(["user", "disable", "ann", "--data", str(tmp_path / "data")]) == 1
    assert "There is no account named ann." in capsys.readouterr().err
