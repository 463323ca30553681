"""Networks that cost money or want a sign-in: held back, let through by a person's word, and what the system says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buses import FULL, NO, PORTAL, PROBABLY, YES, NetworkManager, bus
from uploader.engine import network_manager
from uploader.engine.job import Trouble
from uploader.engine.surroundings import Permission, Surroundings
from uploader.errors import CaptivePortal, Metered

HOME, HOTSPOT, HOTEL = (
    Surroundings(name="home"),
    Surroundings(True, False, "hotspot"),
    Surroundings(False, True, "hotel"),
)


@pytest.fixture
def held() -> list[str | None]:
    """Each reason that was given, by its code."""
    return []


@pytest.fixture
def permission(held: list[str | None]) -> Permission:
    def hold(why: Trouble | None) -> None:
        held.append(why.code if why else None)

    return Permission(hold)


def test_a_metered_network_and_a_portal_hold_and_the_next_network_lets_go(
    permission: Permission, held: list[str | None]
) -> None:
    for here in (HOME, HOTSPOT, HOTSPOT, HOTEL, HOME):
        permission.look(here)
    assert held == [Metered.code, CaptivePortal.code, None]


def test_a_persons_word_holds_for_this_network_and_no_other(permission: Permission, held: list[str | None]) -> None:
    permission.look(HOTSPOT)
    permission.upload_anyway()
    permission.look(Surroundings(True, True, "hotspot"))
    assert held == [Metered.code, None]
    permission.look(Surroundings(True, False, "another hotspot"))
    assert held == [Metered.code, None, Metered.code]
    permission.look(HOTSPOT)
    assert held == [Metered.code, None, Metered.code]


def test_who_pays_nothing_may_switch_the_pause_off(permission: Permission, held: list[str | None]) -> None:
    permission.look(HOTSPOT)
    permission.pause_when_metered(False)
    permission.look(HOTEL)
    permission.pause_when_metered(True)
    assert held == [Metered.code, None, CaptivePortal.code]


def test_a_page_in_the_servers_place_holds_until_the_server_answers_or_the_network_is_another(
    permission: Permission, held: list[str | None]
) -> None:
    permission.look(HOME)
    permission.portal(True)
    permission.look(HOME)
    permission.portal(False)
    permission.portal(True)
    permission.look(Surroundings(name="another"))
    assert held == [CaptivePortal.code, None, CaptivePortal.code, None]


def test_after_a_persons_word_a_page_holds_no_more_on_this_network(
    permission: Permission, held: list[str | None]
) -> None:
    permission.look(HOME)
    permission.portal(True)
    permission.upload_anyway()
    permission.portal(False)
    permission.portal(True)
    assert held == [CaptivePortal.code, None]


def test_a_word_that_comes_before_the_networks_name_is_meant_for_it(
    permission: Permission, held: list[str | None]
) -> None:
    permission.upload_anyway()
    permission.look(HOTSPOT)
    assert held == []
    permission.look(HOTEL)
    assert held == [CaptivePortal.code]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the other side is on a busy machine."""
    monkeypatch.setattr(network_manager, "PATIENCE", 60)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NetworkManager]:
    with bus(tmp_path) as address, NetworkManager(address) as manager:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield manager


@pytest.mark.anyio
async def test_what_network_manager_says_is_heard_and_so_is_every_change(manager: NetworkManager) -> None:
    found: list[Surroundings] = []
    following = asyncio.create_task(network_manager.follow(found.append))

    async def until(metered: bool, captive: bool, network: int) -> None:
        wanted = Surroundings(metered, captive, f"{manager.path}/ActiveConnection/{network}")
        async with asyncio.timeout(60):
            while not found or found[-1] != wanted:
                assert not following.done()
                await asyncio.sleep(0.005)

    await until(False, False, 1)
    manager.say(metered=YES)
    await until(True, False, 1)
    manager.say(metered=NO, connectivity=PORTAL)
    await until(False, True, 1)
    manager.say(metered=PROBABLY, connectivity=FULL, network=2)
    await until(True, False, 2)
    following.cancel()
    await asyncio.wait({following})
    assert following.cancelled()


@pytest.mark.anyio
async def test_where_nobody_knows_the_network_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Surroundings] = []
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    await network_manager.follow(found.append)
    with bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        await network_manager.follow(found.append)
    assert found == []
