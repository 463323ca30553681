"""The rules every test lives by: no network but this machine, no home folder, no warning in our log unlooked at."""

import logging
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import PEERS

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; our children would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["PATH"] = f"{PEERS / '.bin'}{os.pathsep}{os.environ['PATH']}"  # .ci/peers puts a newer Node there
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["LC_ALL"] = "C.UTF-8"  # other people's programs answer in English, and Qt has nothing to warn of
os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, then those with many: what is begun last is short, and no worker is busy alone.

    Within a file, and among files alike, the order stays as random as it is.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    every = Counter(item.path for item in items)
    items.sort(key=lambda item: (-slow[item.path], -every[item.path]))


LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104  (compared with, never bound)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: tuple[str, int] | str) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"a test wanted to talk to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for name, folder in {
        "HOME": home,
        "XDG_DATA_HOME": home / "data",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_STATE_HOME": home / "state",
    }.items():
        monkeypatch.setenv(name, str(folder))


@pytest.fixture(autouse=True)
def _quiet_log(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """A warning nobody expected fails the test. A test that expects some takes them with `caplog.clear()`."""
    yield
    loud = [
        record
        for record in caplog.get_records("call")
        if record.levelno >= logging.WARNING and record.name.startswith("uploader")
    ]
    if loud and not request.node.get_closest_marker("loud"):
        pytest.fail("unexpected log: " + "; ".join(record.getMessage() for record in loud))


@pytest.fixture
def anyio_backend() -> str:
    """The loop of tests that are marked `anyio`."""
    return "asyncio"
