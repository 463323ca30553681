"""The command itself, as a process: what it prints, what it refuses, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.backend.server import make_token, make_user
from uploader.backend.store.database import Database

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
        _, stderr = self.process.communicate(timeout=60)
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
    command = [*SERVER, *arguments, "--data", str(data)]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=os.environ | environ, timeout=60, check=False
    )


def test_serving_says_in_one_line_where_it_listens_and_ends_cleanly_with_open_connections(tmp_path: Path):
    with started(tmp_path / "data", "--exit-with-parent") as server:
        assert server.said["setupUrl"].startswith(f"{server.url}/setup/")
        assert httpx.get(server.url + "/healthz", trust_env=False).json() == {"status": "ok"}
        where = urlsplit(server.url)
        assert where.hostname == "127.0.0.1"
        assert where.port
        idle = socket.create_connection((where.hostname, where.port))
        half = socket.create_connection((where.hostname, where.port))
        half.sendall(b"POST /api/posts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        with idle, half:
            assert httpx.get(server.url + "/healthz", trust_env=False).status_code == 200
            code, stderr = server.end()
    assert code == 0
    assert "Traceback" not in stderr
    assert "/setup/" not in stderr, "a parent keeps stderr as a log"
    assert '"level": "error"' not in stderr
    assert '"level": "warning"' not in stderr


def test_an_upload_in_the_middle_of_a_piece_does_not_keep_the_server_and_keeps_what_arrived(tmp_path: Path):
    data = tmp_path / "data"
    with started(data) as server:
        database = Database(f"sqlite:///{data / 'reelferry.sqlite3'}")
        token = make_token(database, make_user(database))
        database.close()
        asked = {"filename": "a.mp4", "fileSize": 1_000_000, "mimeType": "video/mp4"}
        bearer = {"Authorization": f"Bearer {token}"}
        ticket = httpx.post(f"{server.url}/api/videos/upload-url", json=asked, headers=bearer, trust_env=False).json()
        where = urlsplit(ticket["uploadUrl"])
        with socket.create_connection((where.hostname or "", where.port or 0)) as raw:
            head = (
                f"PATCH {where.path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
                "Content-Type: application/offset+octet-stream\r\nContent-Length: 1000000\r\n\r\n"
            )
            raw.sendall(head.encode() + b"x" * 300_000)
            code, stderr = server.end()
    assert code == 0
    assert "Traceback" not in stderr
    assert where.path not in stderr, "an upload address is a secret"
    kept = list((data / "uploads").glob("*"))
    assert sum(file.stat().st_size for file in kept) in range(300_001)


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path):
    with started(tmp_path / "data", "--exit-with-parent") as server:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(20) == 0


def test_a_wrong_configuration_is_one_line_a_problem_and_exit_code_2(tmp_path: Path):
    refused = run(
        "serve", data=tmp_path / "data", VIDEO_PROVIDER="mux", MAX_VIDEO_SIZE_MB="big", ALLOW_SIGNUP="perhaps"
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert sorted(line.split("=")[0] for line in refused.stderr.splitlines()) == [
        "ALLOW_SIGNUP",
        "MAX_VIDEO_SIZE_MB",
        "VIDEO_PROVIDER",
    ]


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("serve", "--port", port, data=tmp_path / "data")
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [f"Cannot listen on 127.0.0.1 port {port}: Address already in use."]


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(tmp_path: Path):
    data = tmp_path / "data"
    with started(data) as first:
        refused = run("serve", "--port", "0", data=data)
        assert refused.returncode == 2
        assert refused.stderr.splitlines() == [f"Another server is already using the data folder {data}."]
        assert httpx.get(first.url + "/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("content", [b"this is not a database" * 100])
def test_a_database_that_is_none_is_one_line_and_exit_code_2(content: bytes, tmp_path: Path):
    (tmp_path / "reelferry.sqlite3").write_bytes(content)
    refused = run("serve", "--port", "0", data=tmp_path)
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert line == "The database did not open: file is not a database."


def test_accounts_are_made_from_the_command_line_also_beside_a_running_server(tmp_path: Path):
    data = tmp_path / "data"
    made = run("user", "add", "ann", "--password-stdin", data=data, stdin="correct horse battery\n")
    assert made.returncode == 0, made.stderr
    with started(data) as server:
        assert server.said["setupUrl"] is None, "there is an account"
        again = run("user", "add", "ann", "--password-stdin", data=data, stdin="correct horse battery\n")
        assert again.returncode == 1
        assert httpx.get(server.url + "/healthz", trust_env=False).status_code == 200


def test_without_a_command_there_is_help_and_exit_code_2(tmp_path: Path):
    lost = subprocess.run(SERVER, capture_output=True, text=True, check=False, cwd=tmp_path.parent, timeout=60)
    assert lost.returncode == 2
