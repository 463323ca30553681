"""The stage of the flow tests: a real server in a process of its own, a proxy before it, and an account."""

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from tests.browser import Browser
from tests.proxy import BLOCK, Proxy
from uploader.backend.providers.local.behind import ENOUGH
from uploader.paths import Paths, own_command

T = TypeVar("T")
PATIENCE = 120.0
UNDER_WAY = ENOUGH + 2 * BLOCK
"""Bytes that a line may lose when it breaks: what the server has not written yet, and what the proxy holds."""
QUIET_PORTS = range(20_000, 32_000)
"""Ports that no system hands out by itself, neither to a server that takes any nor to a client."""


def wait_for(look: Callable[[], T | None], *, patience: float = PATIENCE, what: str = "it") -> T:
    """What `look` finds, once it finds something true. AssertionError after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what} in vain"
        time.sleep(0.01)
    return found


def sha256(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_port() -> int:
    """A port nobody listens on and nobody is given by chance, for a server that must come back to the same one."""
    while True:
        port = random.SystemRandom().choice(QUIET_PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@dataclass
class Server:
    """`reelferry server serve` in a process of its own. It can be killed and started again on the same port."""

    folder: Path
    public_url: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    port: int = 0
    setup_url: str | None = None
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.port = self.port or free_port()
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", **self.environ}
        if self.public_url:
            environ |= {
                "NEXT_PUBLIC_APP_URL": self.public_url,
                "WEBHOOK_URL": f"{self.url}/api/webhooks/video-processing",
            }
        log = (self.folder.parent / f"{self.folder.name}.log").open("a")
        with log:
            self.process = subprocess.Popen(
                own_command("server", "serve", "--port", str(self.port), "--data", str(self.folder)),
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environ,
                text=True,
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, (self.folder.parent / f"{self.folder.name}.log").read_text()
        self.setup_url = json.loads(said)["setupUrl"]

    @property
    def url(self) -> str:
        """Where it answers, without the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def rows(self, query: str, *values: str | float) -> list[dict[str, Any]]:
        """What the database says, as dictionaries."""
        connection = sqlite3.connect(f"file:{self.folder / 'reelferry.sqlite3'}?mode=ro", uri=True, timeout=PATIENCE)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def videos(self) -> list[dict[str, Any]]:
        """All videos that were not cancelled."""
        return self.rows("SELECT * FROM videos WHERE status != 'cancelled'")

    def posts(self) -> list[dict[str, Any]]:
        """All posts."""
        return self.rows("SELECT * FROM posts")

    def original(self, video: dict[str, Any]) -> Path:
        """The file as it arrived."""
        return self.folder / "uploads" / str(video["provider_upload_id"])

    def held(self, filename: str) -> int:
        """How many bytes it has on disk of what was announced under this name."""
        files = [self.original(video) for video in self.videos() if video["filename"] == filename]
        return sum(file.stat().st_size for file in files if file.exists())


@dataclass
class Client:
    """The engine in a process of its own (`tests/flow/client.py`): it can be killed, and started again on its queue."""

    folder: Path
    server: str
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)
    _reader: threading.Thread = field(default_factory=threading.Thread)

    def start(self, *files: Path, text: str = "", sign_in: bool = False) -> None:
        """Go on with the queue in `folder`, after adding `files`."""
        self.facts.clear()
        command = [sys.executable, "-m", "tests.flow.client", str(self.folder), self.server, text]
        command += ["sign-in" if sign_in else "go-on", *map(str, files)]
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, env=os.environ | self.environ, text=True, bufsize=1
            )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                if line.endswith("\n"):  # else it was killed in the middle of it
                    self.facts.append(json.loads(line))

    def said(self, **wanted: object) -> bool:
        """Whether some fact since the start had all of these values."""
        return any(all(fact.get(name) == value for name, value in wanted.items()) for fact in list(self.facts))

    def queued(self) -> int:
        """How many jobs are on its disk; asked while it does not run."""
        assert self.process is None
        queue = Paths.under(self.folder).queue
        with contextlib.closing(sqlite3.connect(queue, timeout=PATIENCE)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        return int(count)

    def wait(self, *, patience: float = PATIENCE) -> int:
        """Wait until it has ended by itself; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the client did not end: {self.facts[-3:]}") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self._reader.join(PATIENCE)
            self.process = None


@dataclass
class Stage:
    """Client → proxy → server."""

    server: Server
    proxy: Proxy
    client: Client
    browser: Browser

    def all_kept(self, filename: str) -> Callable[[], None]:
        """What waits until all that is sent of a file from now on is on the server's disk, but for `UNDER_WAY`.

        So a line that breaks after it loses no more than that, however busy the server was.
        """
        kept, sent = self.server.held(filename), self.proxy.bodies["PATCH"]

        def wait() -> None:
            wait_for(
                lambda: self.server.held(filename) - kept >= self.proxy.bodies["PATCH"] - sent - UNDER_WAY,
                what=f"the server to keep what came of {filename}",
            )

        return wait


@contextmanager
def standing(folder: Path) -> Iterator[Stage]:
    """A server with one account, reached only through the proxy; the client is signed in and has an empty queue."""
    server = Server(folder / "server", port=free_port())
    with Proxy(server.port) as proxy:
        server.public_url = proxy.url
        browser = Browser()
        client = Client(folder / "client", proxy.url)
        try:
            server.start()
            assert server.setup_url is not None
            assert browser.open(server.setup_url).is_success
            client.start(sign_in=True)
            assert client.wait() == 0, (folder / "client.log").read_text()
            yield Stage(server, proxy, client, browser)
        finally:
            client.kill()
            server.stop()
            browser.close()
