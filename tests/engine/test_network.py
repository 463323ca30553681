"""Out of reach, and back: learnt from requests, probed for, told once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engine.still_time import StillTime
from uploader.engine.facts import Network
from uploader.engine.network import LONGEST, NetworkWatch
from uploader.errors import CaptivePortal, FileMissing, Interrupted, Offline, ReelferryError, ServerBusy, Untrusted

pytestmark = pytest.mark.anyio


class Scene:
    def __init__(self) -> None:
        self.time = StillTime(flows=False)
        self.reachable = False
        self.probes = 0
        self.hangs: asyncio.Event | None = None
        self.facts: list[Network] = []
        self.backs = 0
        self.met: ReelferryError = Offline()
        self.portals: list[bool] = []
        self.watch = NetworkWatch(self._probe, self.facts.append, self._back, self.time.clock, self.portals.append)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[NetworkWatch]:
        task = asyncio.create_task(self.watch.run())
        try:
            yield self.watch
        finally:
            task.cancel()

    async def turns(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def _probe(self) -> None:
        self.probes += 1
        if self.hangs is not None:
            await self.hangs.wait()
        if not self.reachable:
            raise self.met

    def _back(self) -> None:
        self.backs += 1


async def test_a_lost_connection_is_told_once_and_the_way_back_too() -> None:
    scene = Scene()
    async with scene.running() as watch:
        watch.heard(Offline())
        watch.heard(Offline())
        watch.heard(None)
        watch.heard(None)
    assert scene.facts == [Network(online=False, rate=0), Network(online=True, rate=0)]
    assert scene.backs == 1


@pytest.mark.parametrize(
    ("error", "online"),
    [
        (Offline(), False),
        (CaptivePortal(), False),
        (Untrusted(), False),
        (Interrupted(), True),
        (ServerBusy(), True),
        (FileMissing(), True),
    ],
)
async def test_only_some_errors_say_that_the_server_is_out_of_reach(error: ReelferryError, online: bool) -> None:
    scene = Scene()
    scene.watch.heard(error)
    assert scene.watch.fact.online is online


async def test_it_probes_ever_more_rarely_until_the_server_answers() -> None:
    scene = Scene()
    async with scene.running() as watch:
        watch.heard(Offline())
        for expected in (1, 2, 4, 8, 16, LONGEST, LONGEST):
            await scene.turns()
            assert scene.time.waits[-1] == expected
            scene.time.advance(expected)
        scene.reachable = True
        await scene.turns()
    assert scene.watch.fact.online
    assert (scene.probes, scene.backs) == (7, 1)


async def test_a_change_of_network_probes_at_once() -> None:
    scene = Scene()
    async with scene.running() as watch:
        watch.heard(Offline())
        await scene.turns()
        scene.reachable = True
        watch.network_changed()
        await scene.turns()
        assert watch.fact.online
    assert scene.probes == 1


async def test_a_probe_that_hangs_in_the_network_that_is_gone_keeps_nobody_from_the_next_one() -> None:
    scene = Scene()
    scene.hangs = asyncio.Event()
    async with scene.running() as watch:
        watch.heard(Offline())
        await scene.turns()
        scene.time.advance(1)
        await scene.turns()
        assert (scene.probes, watch.fact.online) == (1, False)
        scene.hangs = None
        scene.reachable = True
        watch.network_changed()
        await scene.turns()
        assert (scene.probes, watch.fact.online, scene.backs) == (2, True, 1)


async def test_a_change_of_network_while_online_lets_what_waits_try_at_once() -> None:
    scene = Scene()
    async with scene.running() as watch:
        await scene.turns()
        watch.network_changed()
        await scene.turns()
    assert (scene.probes, scene.backs) == (0, 1)


@pytest.mark.parametrize("error", [Offline(), CaptivePortal()])
async def test_a_host_that_is_down_while_the_server_is_up_is_not_hammered(error: ReelferryError) -> None:
    scene = Scene()
    scene.reachable = True
    async with scene.running() as watch:
        for expected in (1, 2, 4, 8):
            watch.heard(error)
            await scene.turns()
            assert scene.time.waits[-1] == expected
            scene.time.advance(expected)
            await scene.turns()
            assert watch.fact.online
            watch.asked(None)


async def test_a_sign_in_page_is_told_of_until_the_server_itself_answers() -> None:
    scene = Scene()
    async with scene.running() as watch:
        watch.heard(Offline())
        assert scene.portals == []
        scene.met = CaptivePortal()
        watch.network_changed()
        await scene.turns()
        assert (scene.portals, watch.fact.online) == ([True], False)
        scene.reachable = True
        watch.network_changed()
        await scene.turns()
        assert (scene.portals, watch.fact.online) == ([True, False], True)


async def test_the_speed_is_told_when_it_changes() -> None:
    scene = Scene()
    for rate in (0, 5.0, 5.0, 0):
        scene.watch.rate(rate)
    assert scene.facts == [Network(online=True, rate=5.0), Network(online=True, rate=0)]
