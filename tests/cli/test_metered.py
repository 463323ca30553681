"""Without a window: what the network is comes from NetworkManager, a person's word from the command."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse

from tests.buses import YES, NetworkManager, bus
from tests.engine.served import served
from tests.fakes.backend import FakeBackend
from tests.fakes.replies import reply
from tests.media import clips
from tests.proxy import Proxy
from uploader.cli.reach import open_engine
from uploader.engine.commands import Commands
from uploader.engine.job import Step
from uploader.engine.session import MemoryVault
from uploader.errors import CaptivePortal, Metered, ServerBusy
from uploader.paths import Paths

pytestmark = pytest.mark.anyio


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (word from another thread)
            await asyncio.sleep(0.005)


async def test_a_metered_network_is_heard_of_and_anyway_is_a_persons_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with bus(tmp_path) as address, NetworkManager(address) as manager:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        manager.say(metered=YES)
        opened = open_engine(
            Paths.under(tmp_path), "http://127.0.0.1:9", MemoryVault(), run=False, online=False
        )  # fmt: skip
        async with opened as at:
            network = at.engine.network
            await until(lambda: network.fact.held is not None and network.fact.held.code == Metered.code)
            assert [reply async for reply in Commands(at.engine).answer({"do": "list", "anyway": True})] == []
            assert network.fact.held is None
            manager.say(network=2)
            await until(lambda: network.fact.held is not None)


async def test_a_job_that_waits_tries_at_once_on_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    backend, vault = FakeBackend(), MemoryVault()
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    with (
        bus(tmp_path) as address,
        NetworkManager(address) as manager,
        served(backend) as port,
        Proxy(port) as line,
    ):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        manager.say(metered=YES)
        vault.tokens[line.url] = str(backend.oauth.issue()["refresh_token"])
        line.forge("POST", "/api/videos/upload-url", reply(503, "Retry-After: 80000"))
        async with open_engine(Paths.under(tmp_path / "client"), line.url, vault, run=True, online=False) as at:
            network, queue = at.engine.network, at.engine.queue
            await until(lambda: network.fact.held is not None)  # the first word on the network has been heard
            at.engine.permission.pause_when_metered(False)
            await queue.add([clip])
            await until(lambda: queue.jobs[0].trouble is not None and queue.jobs[0].trouble.code == ServerBusy.code)
            manager.say(network=2)
            await until(lambda: queue.jobs[0].step is Step.POST)


async def test_a_sign_in_page_in_the_servers_place_holds_until_anyway_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    with served(HTMLResponse("<h1>Welcome to our hotel</h1>")) as port:
        opened = open_engine(Paths.under(tmp_path), f"http://127.0.0.1:{port}", MemoryVault(), run=True, online=False)
        async with opened as at:
            network = at.engine.network
            await until(lambda: network.fact.held is not None and network.fact.held.code == CaptivePortal.code)
            assert [reply async for reply in Commands(at.engine).answer({"do": "list", "anyway": True})] == []
            assert network.fact.held is None
            await at.engine.account.refresh()
            assert (network.fact.held, network.fact.online) == (None, False)
