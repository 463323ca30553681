"""A person at a terminal: runs `reelferry` as a real process, with a keyring, a server and a browser of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from tests.backend.server import make_tokens, visitor
from tests.browser import Browser
from tests.needs import need_program
from uploader.backend.store.database import Database
from uploader.backend.store.models import Community, User
from uploader.paths import own_command

ROOT = Path(__file__).parent.parent.parent
UNLOCKED = "printf testpass | gnome-keyring-daemon --unlock --components=secrets > /dev/null; echo $BUS; cat"


@dataclass(frozen=True)
class Server:
    """A running backend that has the account of `tests.browser.Browser`."""

    url: str
    folder: Path

    @contextmanager
    def api(self) -> Iterator[httpx.Client]:
        """What another program of the same person would speak with."""
        with visitor(self.url, {"Authorization": f"Bearer {self._tokens()[0]}"}) as api:
            yield api

    def refresh_token(self) -> str:
        """What another vault of the same person would hold."""
        return self._tokens()[1]

    def _tokens(self) -> tuple[str, str]:
        with closing(Database(f"sqlite:///{self.folder / 'reelferry.sqlite3'}")) as database:
            with database.read() as session:
                user = session.scalars(select(User)).one()
            return make_tokens(database, user)


@dataclass(frozen=True)
class Terminal:
    """Runs commands. Without a `home` of its own it has the running test's, so that each begins with an empty queue."""

    bus: str
    browser: Path
    home: Path | None = None
    keyring: bool = True
    elsewhere: bool = False
    """Over SSH: no browser would appear before this person."""

    def start(self, *words: str | Path, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        """A command under way."""
        return subprocess.Popen(
            own_command(*map(str, words)), env=self._environment(), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def run(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        """A command from beginning to end."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=170)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def objects(self, *words: str | Path) -> list[dict[str, Any]]:
        """What a command that succeeds prints with `--json`."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def look_up(self, name: str) -> str:
        """What the keyring has under this name."""
        done = subprocess.run(
            [need_program("secret-tool"), "lookup", "service", "Reelferry", "username", name],
            env=self._environment(), capture_output=True, text=True, check=True, timeout=170,
        )  # fmt: skip
        return done.stdout

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHON_KEYRING_BACKEND"}
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            environment.pop(name, None)
        if self.home:
            environment |= {name: str(self.home) for name in environment if name == "HOME" or name.startswith("XDG_")}
        if not self.keyring:
            environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        there = {"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.8 22"} if self.elsewhere else {"BROWSER": str(self.browser)}
        return environment | {"DBUS_SESSION_BUS_ADDRESS": self.bus} | there


@contextmanager
def keyring(folder: Path) -> Iterator[str]:
    """The address of a session bus with an unlocked Secret Service on it."""
    need_program("gnome-keyring-daemon")
    homes = {name: str(folder) for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "HOME")}
    with subprocess.Popen(
        [need_program("dbus-run-session"), "--", "bash", "-c", UNLOCKED.replace("$BUS", "$DBUS_SESSION_BUS_ADDRESS")],
        env=os.environ | homes, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as session:  # fmt: skip
        assert session.stdout
        assert session.stdin
        yield session.stdout.readline().strip()
        session.stdin.close()


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A backend in a process of its own, with one community and one account."""
    command = own_command("server", "serve", "--exit-with-parent", "--port", "0", "--data", str(folder))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as process:
        assert process.stdout
        assert process.stdin
        said = json.loads(process.stdout.readline())
        database = Database(f"sqlite:///{folder / 'reelferry.sqlite3'}")
        with database.write() as session:
            session.add(Community(id="c0ffee", name="Film club"))
        database.close()
        visitor = Browser()
        assert visitor.open(said["setupUrl"]).status_code == 201
        visitor.close()
        yield Server(said["url"], folder)
        process.stdin.close()


def browser(folder: Path) -> Path:
    """A program for $BROWSER that opens a page and fills in its forms."""
    script = folder / "browser"
    script.write_text(
        f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -c '
        "'import sys; from tests.browser import Browser; b = Browser(); b.open(sys.argv[1]); b.close()' \"$1\"\n"
    )
    script.chmod(0o755)
    return script


def interrupt(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Press Ctrl+C; exit code, stdout and stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=170)
    return process.returncode, out, err
