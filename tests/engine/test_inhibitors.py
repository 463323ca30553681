"""Idle sleep held off on a real D-Bus: who is asked, in which order, and that nothing outlives the process."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, Message, new_method_return

from tests.buses import Service, bus
from tests.media import clips
from uploader.engine.engine import Engine
from uploader.engine.inhibitor_linux import DBusInhibitor
from uploader.engine.inhibitors import CaffeinateInhibitor, of_this_system
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

ROOT = Path(__file__).parent.parent.parent
NOWHERE = "http://127.0.0.1:9"
HOLDER = """
import asyncio, sys
from uploader.engine.inhibitor_linux import DBusInhibitor

asyncio.run(DBusInhibitor().inhibit())
print("held", flush=True)
sys.stdin.read()
"""


class Keeper(Service):
    """Keeps who inhibits, and forgets whoever leaves the bus, as all of them do."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.asked: list[tuple[Any, ...]] = []
        self.holding: dict[object, str] = {}
        self._number = 0

    def listens_to(self) -> tuple[str, ...]:
        return ("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",)

    def hear(self, member: str, body: tuple[Any, ...]) -> None:
        if member == "NameOwnerChanged" and not body[2]:
            self.holding = {key: who for key, who in self.holding.items() if who != body[0]}

    def hold(self, call: Message, key: object) -> None:
        self.holding[key] = call.header.fields[HeaderFields.sender]

    def number(self) -> int:
        self._number += 1
        return self._number


class PowerManager(Keeper):
    name = "org.freedesktop.PowerManagement"

    def answer(self, call: Message, member: str, body: tuple[Any, ...]) -> Message | None:
        self.asked.append((member, *body))
        if member == "Inhibit":
            cookie = self.number()
            self.hold(call, cookie)
            return new_method_return(call, "u", (cookie,))
        if member == "UnInhibit":
            del self.holding[body[0]]
            return new_method_return(call)
        return None


class Portal(Keeper):
    name = "org.freedesktop.portal.Desktop"

    def answer(self, call: Message, member: str, body: tuple[Any, ...]) -> Message | None:
        self.asked.append((member, *body))
        if member == "Inhibit":
            handle = f"/org/freedesktop/portal/desktop/request/{self.number()}"
            self.hold(call, handle)
            return new_method_return(call, "o", (handle,))
        if member == "Close":
            del self.holding[call.header.fields[HeaderFields.path]]
            return new_method_return(call)
        return None


class Logind(Service):
    """Whoever holds the other end of the pipe inhibits."""

    name = "org.freedesktop.login1"

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.asked: list[tuple[Any, ...]] = []
        self.pipes: list[int] = []
        self._given: list[int] = []

    def answer(self, call: Message, member: str, body: tuple[Any, ...]) -> Message | None:
        self.asked.append((member, *body))
        ours, theirs = os.pipe()
        self.pipes.append(ours)
        self._given.append(theirs)
        return new_method_return(call, "h", (theirs,))

    def answered(self) -> None:
        while self._given:
            os.close(self._given.pop())


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with bus(tmp_path) as found:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", found)
        monkeypatch.setattr("uploader.engine.inhibitor_linux.PATIENCE", 60)  # the services are busy machines, too
        yield found


@pytest.mark.anyio
async def test_the_power_manager_is_asked_first_and_told_when_it_is_over(address: str) -> None:
    with PowerManager(address) as manager, Portal(address) as portal:
        inhibitor = DBusInhibitor()
        await inhibitor.inhibit()
        await inhibitor.inhibit()
        assert manager.asked == [("Inhibit", "Reelferry", "Uploading videos")]
        assert len(manager.holding) == 1
        await inhibitor.release()
        await inhibitor.release()
        assert manager.holding == {}
        assert manager.asked[1:] == [("UnInhibit", 1)]
        assert portal.asked == []
        await inhibitor.inhibit()
        assert len(manager.holding) == 1
        await inhibitor.release()


@pytest.mark.anyio
async def test_the_portal_is_asked_for_idleness_alone_so_that_a_person_can_still_suspend(address: str) -> None:
    with Portal(address) as portal:
        inhibitor = DBusInhibitor()
        await inhibitor.inhibit()
        assert portal.asked == [("Inhibit", "", 8, {"reason": ("s", "Uploading videos")})]
        assert len(portal.holding) == 1
        await inhibitor.release()
        assert portal.holding == {}


@pytest.mark.anyio
async def test_logind_is_asked_for_idleness_alone_where_there_is_no_desktop(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    with Logind(address) as logind:
        inhibitor = DBusInhibitor()
        await inhibitor.inhibit()
        assert logind.asked == [("Inhibit", "idle", "Reelferry", "Uploading videos", "block")]
        await inhibitor.release()
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(os.read, logind.pipes[0], 1) == b"", "the lock is given back"
        os.close(logind.pipes[0])


@pytest.mark.anyio
async def test_where_nobody_is_asked_nothing_fails(address: str) -> None:
    inhibitor = DBusInhibitor()
    await inhibitor.inhibit()
    await inhibitor.release()
    assert isinstance(of_this_system(), DBusInhibitor)


def test_a_process_that_is_killed_leaves_no_inhibition_behind(address: str) -> None:
    with PowerManager(address) as manager:
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            assert len(manager.holding) == 1
            holder.kill()
        manager.wait_for(lambda: not manager.holding)
        assert [asked[0] for asked in manager.asked] == ["Inhibit"]


@pytest.mark.anyio
async def test_a_program_that_keeps_awake_is_ended_again() -> None:
    inhibitor = CaffeinateInhibitor(("tail", "-f", "/dev/null", "--pid"))
    await inhibitor.inhibit()
    assert inhibitor._process is not None
    process = inhibitor._process
    await inhibitor.release()
    assert process.returncode is not None
    absent = CaffeinateInhibitor(("/nonexistent/caffeinate",))
    await absent.inhibit()
    await absent.release()


@pytest.mark.anyio
async def test_an_engine_with_something_to_do_keeps_the_computer_awake_and_lets_go_when_it_closes(
    address: str, tmp_path: Path
) -> None:
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    vault = MemoryVault()
    vault.tokens[NOWHERE] = "a refresh token"
    with PowerManager(address) as manager:
        async with Engine.open(
            paths=Paths.under(tmp_path / "client"),
            server=NOWHERE,
            vault=vault,
            emit=lambda _: None,
            inhibitor=DBusInhibitor(),
        ) as engine:
            await engine.queue.add([clip])
            await asyncio.to_thread(manager.wait_for, lambda: bool(manager.holding))
        assert manager.holding == {}
        assert [asked[0] for asked in manager.asked] == ["Inhibit", "UnInhibit"]
