"""Other people's proxies: tinyproxy speaks HTTP, microsocks SOCKS5. Both want a user name and a password.

What is on this computer is never reached through a proxy, so tests go to `ELSEWHERE`: an address that leads here and
does not say so.
"""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.flow.stage import free_port
from tests.needs import need_program

USER, PASSWORD = "ada", "l0ve-lace"
ELSEWHERE = "0.0.0.0"  # noqa: S104  (connected to, never bound)

TINYPROXY = """Port {port}
Listen 127.0.0.1
Timeout 600
LogLevel Connect
LogFile "{folder}/tinyproxy.log"
BasicAuth {user} {password}
"""


class ForeignProxy:
    """One proxy of either kind (`http`, `socks5`). It can be killed and started again on the same port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.port = free_port()
        self.program = need_program({"http": "tinyproxy", "socks5": "microsocks"}[kind])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As settings have it."""
        return f"{self.kind}://{USER}@127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert self._process is None
        self._process = subprocess.Popen(
            self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        deadline = time.monotonic() + 60
        while not _listens(self.port):
            assert self._process.poll() is None, f"{self.program} did not start"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """It is gone, and with it every connection."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        if self.kind == "socks5":
            return [self.program, "-i", "127.0.0.1", "-p", str(self.port), "-u", USER, "-P", PASSWORD]
        file = self.folder / "tinyproxy.conf"
        file.write_text(TINYPROXY.format(port=self.port, folder=self.folder, user=USER, password=PASSWORD))
        return [self.program, "-d", "-c", str(file)]


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(5)
        return asking.connect_ex(("127.0.0.1", port)) == 0
