"""Runs the backend on this computer as a child process: loopback only, the same port each time, up again if it dies."""

import asyncio
import collections
import contextlib
import json
import logging
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlencode, urlsplit

from uploader import log as logs
from uploader.errors import ServerNotStarted
from uploader.paths import Paths, own_command

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_PATIENCE = 60.0
STOP_PATIENCE = 10.0
PORT_PATIENCE = 5.0
PAUSES = (0.5, 2.0)
LONGEST_PAUSE = 30.0
TAIL = 20

if sys.platform == "win32":
    WINDOWLESS = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    WINDOWLESS = 0


@dataclass(frozen=True, slots=True)
class Started:
    """Where the server answers; `setup_url` makes the first account, once, and is None when there is one."""

    url: str
    setup_url: str | None

    def way_in(self, sign_in_url: str) -> str:
        """The page to open for a sign-in: where there is no account yet, the one that makes it and then goes on."""
        if self.setup_url is None:
            return sign_in_url
        return f"{self.setup_url}?{urlencode({'next': sign_in_url.removeprefix(self.url)})}"


class LocalServer:
    """One embedded backend. Lives on one event loop.

    The child ends when its standard input closes, so it never outlives us, even if we are killed. What it writes to
    stderr goes to `logs/server.log`.
    """

    def __init__(self) -> None:
        self.started: Started | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None

    async def start(self, paths: Paths) -> Started:
        """Start it, and keep it running until `stop`. ServerNotStarted with its last words if it cannot."""
        paths.server.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = await _wanted_port(_port_file(paths))
        self.started = started = await self._launch_patiently(paths, port)
        _port_file(paths).write_text(str(urlsplit(started.url).port), encoding="utf-8")
        self._watching = asyncio.create_task(self._watch(paths))
        return started

    async def stop(self) -> None:
        """End it: kindly, then not."""
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await self._end()
        self.started = None

    async def _launch_patiently(self, paths: Paths, port: int) -> Started:
        """Launch it; the server of a killed predecessor may need a moment to let go of the folder."""
        for pause in PAUSES:
            try:
                return await self._launch(paths, port)
            except ServerNotStarted as error:
                log.info("The server did not start: %s", error.detail)
                await asyncio.sleep(pause)
        return await self._launch(paths, port)

    async def _launch(self, paths: Paths, port: int) -> Started:
        command = own_command(
            "server", "serve", "--exit-with-parent", "--host", HOST, "--port", str(port), "--data", str(paths.server)
        )
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=2**20,
                creationflags=WINDOWLESS, start_new_session=True,  # Ctrl+C is for us; it ends when its stdin closes
            )  # fmt: skip
        except OSError as error:
            raise ServerNotStarted(str(error)) from error
        last_words: collections.deque[str] = collections.deque(maxlen=TAIL)
        output, errors = cast("asyncio.StreamReader", self._process.stdout), self._process.stderr
        listening = asyncio.create_task(_keep_log(cast("asyncio.StreamReader", errors), paths.logs, last_words))
        self._tasks = [listening]
        try:
            async with asyncio.timeout(START_PATIENCE):
                said = json.loads(await output.readline())
                started = Started(said["url"], said.get("setupUrl"))
        except (ValueError, KeyError, TimeoutError) as error:
            await self._end()
            raise ServerNotStarted("\n".join(last_words) or repr(error)) from error
        except asyncio.CancelledError:
            await self._end()
            raise
        self._tasks.append(asyncio.create_task(_drain(output)))
        return started

    async def _watch(self, paths: Paths) -> None:
        """Start it again whenever it dies, at the same address: others know it."""
        pause = 1.0
        while self._process and self.started:
            code = await self._process.wait()
            log.warning("The server on this computer ended by itself (%s). It is started again.", code)
            await self._end()
            try:
                self.started = await self._launch(paths, urlsplit(self.started.url).port or 0)
                pause = 1.0
            except ServerNotStarted as error:
                log.warning("It did not start again: %s", error.detail)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_PATIENCE):
                await process.wait()
        except TimeoutError:
            log.warning("The server on this computer does not end; it is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


def kept_address(paths: Paths) -> str | None:
    """Where the embedded backend answered last; None if it never ran here."""
    port = _kept_port(_port_file(paths))
    return f"http://{HOST}:{port}" if port else None


def _port_file(paths: Paths) -> Path:
    return paths.server / "port"


def _kept_port(file: Path) -> int:
    try:
        port = int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return port if 0 < port < 65536 else 0


async def _wanted_port(file: Path) -> int:
    """The port of the last time, if nobody else has it now; 0 takes any."""
    port = _kept_port(file)
    if not port:
        return 0
    for _ in range(int(PORT_PATIENCE / 0.1)):
        if _is_free(port):
            return port
        await asyncio.sleep(0.1)
    log.info("Port %d is taken; another one is used from now on", port)
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def _keep_log(lines: asyncio.StreamReader, folder: Path, last_words: collections.deque[str]) -> None:
    with contextlib.closing(logs.file(folder, "server", "%(message)s")) as file:
        while line := await _line(lines):
            words = logs.redact(line.decode("utf-8", "replace").rstrip())
            last_words.append(words)
            file.handle(logging.makeLogRecord({"msg": words, "levelno": logging.INFO}))


async def _line(lines: asyncio.StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:  # longer than the buffer: what there was of it is gone
        return b"(a very long line)\n"


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass
