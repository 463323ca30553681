from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import terminal
from tests.cli.terminal import Server, Terminal
from uploader import settings
from uploader.paths import Paths

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each command is a process that starts anew: on a busy machine a test of ten of them takes its time."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with terminal.server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with terminal.keyring(tmp_path_factory.mktemp("keyring")) as address:
        yield address


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return terminal.browser(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def account(server: Server, bus: str, browser: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server, signed in to: the keyring keeps that for every test."""
    home = tmp_path_factory.mktemp("home")
    done = Terminal(bus, browser, home).run("login", "--server", server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture
def at_terminal(bus: str, browser: Path) -> Terminal:
    """Somebody who has never used Reelferry here."""
    return Terminal(bus, browser)


@pytest.fixture
def signed_in(at_terminal: Terminal, account: Server) -> Terminal:
    """Somebody who is signed in to a server and has an empty queue."""
    settings.save(Paths.of_user().settings, settings.Settings(server=account.url))
    return at_terminal
