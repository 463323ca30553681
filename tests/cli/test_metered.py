"""Without a window: what the network is comes from NetworkManager, a person's word from the command."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse

from tests.buses import YES, NetworkManager, bus
from tests.engine.served import served
from uploader.cli.reach import open_engine
from uploader.engine.commands import Commands
from uploader.engine.session import MemoryVault
from uploader.errors import CaptivePortal, Metered
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
