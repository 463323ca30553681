import asyncio
import contextlib
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.flow.stage import free_port
from uploader import local_server
from uploader.errors import ServerNotStarted
from uploader.local_server import LocalServer, Started, kept_address
from uploader.paths import Paths

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time to start a server, and to end one."""
    monkeypatch.setattr(local_server, "START_PATIENCE", 120)
    monkeypatch.setattr(local_server, "STOP_PATIENCE", 120)
    monkeypatch.setattr(local_server, "PORT_PATIENCE", 120)
    monkeypatch.setattr(local_server, "PAUSES", [0.5] * 60)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.under(tmp_path).make()


@pytest.fixture
def lasting(paths: Paths) -> Paths:
    """Paths with a port that nobody is given by chance in the moments when no server listens there."""
    paths.server.mkdir(mode=0o700)
    (paths.server / "port").write_text(str(free_port()))
    return paths


@contextlib.asynccontextmanager
async def a_server(paths: Paths) -> AsyncIterator[LocalServer]:
    server = LocalServer()
    try:
        await server.start(paths)
        yield server
    finally:
        await server.stop()


async def health(url: str) -> int:
    def get() -> int:
        with urllib.request.urlopen(url + "/healthz", timeout=120) as reply:
            return int(reply.status)

    return await asyncio.to_thread(get)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110  (of another process; there is no event to wait for)
            await asyncio.sleep(0.02)


async def test_it_answers_keeps_its_port_and_is_gone_after_stop(lasting: Paths):
    async with a_server(lasting) as server:
        assert server.started
        first = server.started
        assert await health(first.url) == 200
        assert first.setup_url
        assert first.setup_url.startswith(first.url + "/setup/")
    with pytest.raises(OSError, match="refused"):
        await health(first.url)
    assert kept_address(lasting) == first.url
    async with a_server(lasting) as again:
        assert again.started
        assert again.started.url == first.url


async def test_a_port_that_somebody_else_has_now_is_given_up(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_server, "PORT_PATIENCE", 0.1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (paths.data / "server").mkdir()
        (paths.server / "port").write_text(str(taken.getsockname()[1]))
        async with a_server(paths) as server:
            assert server.started
            assert server.started.url != f"http://127.0.0.1:{taken.getsockname()[1]}"
            assert await health(server.started.url) == 200
            assert kept_address(paths) == server.started.url


@pytest.mark.loud
async def test_it_is_started_again_at_the_same_address_when_it_dies(lasting: Paths, caplog: pytest.LogCaptureFixture):
    async with a_server(lasting) as server:
        assert server.started
        assert server._process
        first, process = server.started, server._process
        process.kill()
        await until(lambda: server._process is not process and server.started is not first)
        assert server.started.url == first.url
        assert await health(first.url) == 200
    assert "started again" in caplog.text


async def test_a_server_that_cannot_start_is_an_error_with_its_last_words(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_server, "PAUSES", ())
    monkeypatch.setenv("VIDEO_PROVIDER", "carrier-pigeon")
    server = LocalServer()
    with pytest.raises(ServerNotStarted, match="VIDEO_PROVIDER"):
        await server.start(paths)
    assert "VIDEO_PROVIDER" in (paths.logs / "server.log").read_text(encoding="utf-8")
    assert server._process
    assert server._process.returncode == 2


async def test_the_first_time_it_takes_any_port_and_the_log_holds_no_link_to_the_first_account(paths: Paths):
    assert kept_address(paths) is None
    async with a_server(paths) as server:
        assert server.started
        assert kept_address(paths) == server.started.url
        assert server.started.setup_url
        token = server.started.setup_url.rpartition("/")[2]
    log = (paths.logs / "server.log").read_text(encoding="utf-8")
    assert "Reelferry answers at" in log
    assert token not in log


OWNER = """
import asyncio, sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uploader.local_server import LocalServer
from uploader.paths import Paths

async def main():
    server = LocalServer()
    started = await server.start(Paths.under(Path(sys.argv[1])))
    print(started.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_does_not_outlive_a_killed_owner_and_the_next_one_gets_the_same_address(
    lasting: Paths, tmp_path: Path
):
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout
    url = (await owner.stdout.readline()).decode().strip()
    assert await health(url) == 200
    owner.kill()
    await owner.wait()
    async with a_server(lasting) as server:
        assert server.started
        assert server.started.url == url
        assert await health(url) == 200


def test_the_way_in_goes_through_the_first_account_where_there_is_none():
    sign_in = "http://127.0.0.1:5000/oauth/authorize?client_id=x&state=a%2Fb"
    page = urlsplit(Started("http://127.0.0.1:5000", "http://127.0.0.1:5000/setup/t0ken").way_in(sign_in))
    assert page.path == "/setup/t0ken"
    assert parse_qs(page.query) == {"next": ["/oauth/authorize?client_id=x&state=a%2Fb"]}
    assert Started("http://127.0.0.1:5000", None).way_in(sign_in) == sign_in
