"""Every fault between a file and a real server: what is said, when it goes on, and what arrives (docs/faults.md)."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.backend import MemoryMedia
from tests.fakes.replies import CAPTIVE_PORTAL, cut_short, offset_of, reply
from tests.flow.client import FileVault
from tests.flow.haste import Haste
from tests.flow.stage import UNDER_WAY, Stage, sha256, standing, wait_for
from tests.media import clips
from tests.proxy import BLOCK
from uploader.desktop.describe import Action, describe
from uploader.engine.clock import Clock
from uploader.engine.engine import Engine
from uploader.engine.facts import Changed, Fact
from uploader.engine.job import ORDER, Draft, Job, Status, Step, Trouble
from uploader.engine.rate import Pace
from uploader.errors import (
    CaptivePortal,
    DiskFull,
    FileChanged,
    FileMissing,
    Interrupted,
    Offline,
    ReelferryError,
    ServerBusy,
    SignInNeeded,
    Stalled,
    UploadExpired,
)
from uploader.paths import Paths

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

MIB = 1 << 20
SIZE = 16 * MIB
HALF = SIZE // 2
NEXT_TRY = 300.0
"""Seconds until a waiting job tries again by itself: longer than any test, so only what a test does ends the wait."""
NEAR = 64 * 1024
"""Bytes into the second half of the file: more than all requests have in their heads."""
DEADLINE = 120.0


class Scene:
    """One file on its way through the proxy to the server, and everything that was said about it."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.proxy, self.server = stage, stage.proxy, stage.server
        self.folder = folder
        self.clip = clips.heavy(folder / "drive" / f"{folder.name}.mp4", mebibytes=SIZE / MIB)
        age(self.clip)
        self.pace = Pace()
        self.half = HALF
        self.delay = NEXT_TRY
        self.ahead = timedelta(0)
        self.facts: list[Fact] = []
        self.before = self.proxy.bodies["PATCH"]
        self._told = asyncio.Event()

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """The real engine with a clock and a patience of ours. What is in the file does not matter here."""
        clock = Clock(now=lambda: datetime.now(UTC) + self.ahead, random=lambda: self.delay)
        async with Engine.open(
            paths=Paths.under(self.folder / "client"),
            server=self.proxy.url,
            vault=FileVault(self.stage.client.folder / "token"),
            emit=self._tell,
            clock=clock,
            pace=self.pace,
            look=MemoryMedia(),
        ) as self.running:
            yield self.running

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._told.set()
        self._told = asyncio.Event()

    @property
    def job(self) -> Job:
        return self.running.queue.jobs[0]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition():
                    await self._told.wait()
        except TimeoutError:
            raise AssertionError(f"waited for {what} in vain: {self.job}") from None

    async def in_trouble(self, kind: type[ReelferryError]) -> Trouble:
        """Wait until this is said, in the words of its error."""
        await self.until(lambda: self.job.trouble is not None and self.job.trouble.code == kind.code, kind.code)
        trouble = self.job.trouble
        assert trouble is not None
        assert (trouble.title, trouble.hint) == (kind.title, kind.hint)
        row = describe(self.job, datetime.now(UTC) + self.ahead)
        assert row.words.startswith(kind.title)
        assert row.hint == kind.hint
        return trouble

    async def arrived(self) -> None:
        """Wait until the server has said that it holds everything."""
        await self.until(lambda: ORDER.index(self.job.step) > ORDER.index(Step.TRANSFER), "the last byte")

    def upload(self) -> Path:
        """The file on the server, as far as it has got."""
        assert self.job.ticket is not None
        (video,) = [video for video in self.server.videos() if video["id"] == self.job.ticket.video_id]
        return self.server.original(video)

    def change(self, statement: str) -> None:
        """Do something to the rows of the server."""
        database = self.server.folder / "reelferry.sqlite3"
        with closing(sqlite3.connect(database, timeout=DEADLINE)) as connection, connection:
            connection.execute(statement)

    def videos(self) -> list[dict[str, Any]] | None:
        """The videos made of this file, once there are not several: one begun anew is deleted in the background."""
        videos = [video for video in self.server.videos() if video["filename"] == self.clip.name]
        return videos if len(videos) == 1 else None

    def check(self, name: str, twice: int) -> None:
        """One video, identical bytes, and no more than `twice` bytes sent again."""
        (video,) = wait_for(self.videos, what="the one video")
        assert sha256(self.server.original(video)) == sha256(self.clip)
        again = self.proxy.bodies["PATCH"] - self.before - self.clip.stat().st_size
        print(f"{name:<36} sent twice: {again:>9,} bytes")  # noqa: T201  (the table's figures)
        assert again <= twice


def age(path: Path) -> None:
    """Nobody is writing it any more."""
    os.utime(path, (1_000_000_000, 1_000_000_000))


Deed = Callable[[Scene], None]


def nothing(_: Scene) -> None:
    """No deed."""


@dataclass(frozen=True)
class Fault:
    """`strike` before the file is added; `meanwhile` once half of it has passed and the line is held there.

    `error` is what must be said then, or after `first` and one "Retry now". `mend` ends the fault, and either
    "Retry now" or (`network`) the news of a new network must get the file going at once. `twice` is what may be sent
    again at most, in bytes; `asked` is how many seconds the host wants to be left alone.
    """

    error: type[ReelferryError]
    strike: Deed = nothing
    first: type[ReelferryError] | None = None
    meanwhile: Deed | None = None
    mend: Deed = nothing
    network: bool = False
    twice: int = UNDER_WAY
    asked: float | None = None


def cut(scene: Scene) -> None:
    scene.proxy.cut(up=BLOCK)
    scene.proxy.flow()


def reset(scene: Scene) -> None:
    scene.proxy.reset()
    scene.proxy.flow()


def go_away(scene: Scene) -> None:
    reset(scene)
    scene.proxy.go_away()


def hasty(scene: Scene) -> None:
    scene.pace = Haste(HALF, 1.0)
    scene.half = HALF + NEAR


def patient(scene: Scene) -> None:
    assert isinstance(scene.pace, Haste)
    scene.pace.calm()


def flow_again(scene: Scene) -> None:
    patient(scene)
    scene.proxy.flow()


def lose_bytes(scene: Scene) -> None:
    """The server comes back with less than it had confirmed."""
    reset(scene)
    upload = scene.upload()
    url = f"{scene.server.url}/files/{upload.name}"
    asked = {"Tus-Resumable": "1.0.0"}  # which is answered after whatever was still being written
    held = httpx.head(url, headers=asked, timeout=DEADLINE)
    os.truncate(upload, int(held.headers["upload-offset"]) // 2)


def expire(scene: Scene) -> None:
    """The server has waited long enough for the rest."""
    reset(scene)
    past = "2020-01-01 00:00:00.000000"
    scene.change(f"UPDATE video_uploads SET expires_at = '{past}' WHERE filename = '{scene.clip.name}'")


def forging(reply: bytes, method: str = "PATCH") -> Deed:
    def strike(scene: Scene) -> None:
        scene.proxy.forge(method, "/files/", reply)

    return strike


def answers(status: int, *fields: str) -> Fault:
    return Fault(ServerBusy, forging(reply(status, *fields, body="not now")), twice=SIZE)


FAULTS = {
    "cut": Fault(Interrupted, meanwhile=cut),
    "reset": Fault(Interrupted, meanwhile=reset),
    "half-open": Fault(Stalled, hasty, meanwhile=lambda scene: scene.proxy.orphan(), mend=patient),
    "stall": Fault(Stalled, hasty, meanwhile=nothing, mend=flow_again, twice=SIZE),  # the old line delivers late, too
    "network gone": Fault(
        Offline,
        first=Interrupted,
        meanwhile=go_away,
        mend=lambda scene: scene.proxy.come_back(),
        network=True,
    ),
    "408": answers(408),
    "423": answers(423),
    "425": answers(425),
    "429": replace(answers(429, "Retry-After: 1200"), asked=1200),
    "500": answers(500),
    "502": answers(502),
    "503": replace(answers(503, "Retry-After: 900"), asked=900),
    "504": answers(504),
    "wrong content-length": Fault(Interrupted, forging(cut_short(MIB)), twice=SIZE),
    "offset beyond the file": Fault(Interrupted, forging(offset_of(SIZE + 1), "HEAD"), twice=0),
    "offset behind us": Fault(Interrupted, meanwhile=lose_bytes, twice=SIZE),
    "expired address": Fault(UploadExpired, first=Interrupted, meanwhile=expire),
    "disk full on the server": Fault(DiskFull, forging(reply(507, body="disk full")), twice=SIZE),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("stage")) as built:
        yield built


@pytest.fixture
def scene(stage: Stage, tmp_path: Path) -> Scene:
    return Scene(stage, tmp_path)


async def begin(scene: Scene, meanwhile: Deed | None = None) -> None:
    """Add the file; with `meanwhile`, hold the line at half of it and do that there."""
    if meanwhile is not None:
        scene.proxy.hold(up=scene.half)
    until_kept = scene.stage.all_kept(scene.clip.name)
    jobs, refusals = await scene.running.queue.add([scene.clip], Draft())
    assert (len(jobs), refusals) == (1, [])
    if meanwhile is not None:
        await asyncio.to_thread(wait_for, lambda: not scene.proxy.flowing, what="half of the file")
        await asyncio.to_thread(until_kept)
        meanwhile(scene)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_said_and_the_file_arrives(name: str, scene: Scene) -> None:
    fault = FAULTS[name]
    fault.strike(scene)
    async with scene.engine() as engine:
        await begin(scene, fault.meanwhile)
        if fault.first is not None:
            await scene.in_trouble(fault.first)
            engine.queue.retry(scene.job.id)
        trouble = await scene.in_trouble(fault.error)
        assert scene.job.status is Status.WAITING
        assert trouble.retry_at is not None
        wait = (trouble.retry_at - datetime.now(UTC)).total_seconds()
        assert (fault.asked or NEXT_TRY) * 2 > wait > (fault.asked or NEXT_TRY) - 60
        assert "tries again at" in describe(scene.job, datetime.now(UTC)).words
        fault.mend(scene)
        scene.delay = 0
        if fault.network:
            engine.network_changed()
        else:
            engine.queue.retry(scene.job.id)
        await scene.arrived()
    scene.check(name, fault.twice)


WAYS_ON: dict[str, Callable[[Engine], object]] = {
    "upload anyway": lambda engine: engine.permission.upload_anyway(),
    "the server answers again": lambda engine: engine.network_changed(),
}


@pytest.mark.parametrize("way_on", WAYS_ON)
async def test_a_sign_in_page_in_the_place_of_the_host_pauses_uploads(way_on: str, scene: Scene) -> None:
    scene.proxy.forge("PATCH", "/files/", CAPTIVE_PORTAL)
    async with scene.engine() as engine:
        await scene.until(lambda: engine.account.fact.me is not None, "the server's answers to everything else")
        await begin(scene)
        trouble = await scene.in_trouble(CaptivePortal)
        assert (scene.job.status, trouble.retry_at) == (Status.WAITING, None)
        assert engine.network.fact.held == trouble
        assert describe(scene.job, datetime.now(UTC)).primary is Action.ANYWAY
        WAYS_ON[way_on](engine)
        await scene.arrived()
    scene.check("captive portal", SIZE)


QUIET: dict[str, tuple[Deed, int]] = {
    "offset ahead of the truth": (forging(offset_of(MIB), "HEAD"), SIZE),
    "clock two hours ahead": (lambda scene: setattr(scene, "ahead", timedelta(hours=2)), 0),
    "clock two hours behind": (lambda scene: setattr(scene, "ahead", timedelta(hours=-2)), 0),
}
"""Faults nobody needs to hear of."""


@pytest.mark.parametrize("name", QUIET)
async def test_a_fault_that_makes_no_trouble(name: str, scene: Scene) -> None:
    strike, twice = QUIET[name]
    strike(scene)
    async with scene.engine():
        await begin(scene)
        await scene.arrived()
        assert not [fact.job.trouble for fact in scene.facts if isinstance(fact, Changed) and fact.job.trouble]
    scene.check(name, twice)


async def test_a_connection_that_went_with_the_old_network_is_given_up_long_before_its_patience_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uploader.engine.runs.GRACE", 0.5)
    scene.pace = Pace(silence=10 * DEADLINE, reply=10 * DEADLINE)
    async with scene.engine() as engine:
        await begin(scene, lambda scene: scene.proxy.orphan())

        def begun_again() -> bool:
            jobs = [fact.job for fact in scene.facts if isinstance(fact, Changed)]
            return any((job.step, job.status) == (Step.TRANSFER, Status.WAITING) for job in jobs)

        async with asyncio.timeout(DEADLINE):
            while not begun_again():  # the line may still have been filling up
                engine.network_changed()
                await asyncio.sleep(1)
        await scene.arrived()
        assert not [fact.job.trouble for fact in scene.facts if isinstance(fact, Changed) and fact.job.trouble]
    scene.check("another network", UNDER_WAY)


def edit(scene: Scene) -> None:
    with scene.clip.open("r+b") as file:
        file.seek(HALF)
        file.write(b"another cut of the film")


def truncate(scene: Scene) -> None:
    os.truncate(scene.clip, 2 * MIB)


def put_another_there(scene: Scene) -> None:
    other = scene.folder / "other.mp4"
    other.write_bytes(scene.clip.read_bytes()[:HALF] + os.urandom(SIZE - HALF))
    other.replace(scene.clip)


@pytest.mark.parametrize("change", [edit, truncate, put_another_there])
async def test_a_file_that_changed_is_never_spliced_and_the_new_version_arrives(change: Deed, scene: Scene) -> None:
    async with scene.engine() as engine:
        await begin(scene, reset)
        await scene.in_trouble(Interrupted)
        first = scene.upload()
        change(scene)
        age(scene.clip)
        if change is edit:
            os.utime(scene.clip, (1_000_000_000, 1_000_000_001))
        engine.queue.retry(scene.job.id)
        trouble = await scene.in_trouble(FileChanged)
        assert (scene.job.status, trouble.retry_at) == (Status.FAILED, None)
        engine.queue.restart(scene.job.id)
        await scene.arrived()
        await asyncio.to_thread(wait_for, lambda: not first.exists(), what="the deletion of what was begun")
    scene.check(change.__name__, HALF + UNDER_WAY)


def take_away(scene: Scene) -> None:
    scene.clip.rename(scene.folder / "elsewhere.mp4")


def move_back(scene: Scene) -> None:
    (scene.folder / "elsewhere.mp4").rename(scene.clip)


def pull_the_drive(scene: Scene) -> None:
    scene.clip.parent.rename(scene.folder / "unplugged")


def plug_the_drive_in(scene: Scene) -> None:
    (scene.folder / "unplugged").rename(scene.clip.parent)


@pytest.mark.parametrize(
    ("harm", "mend"), [(take_away, move_back), (pull_the_drive, plug_the_drive_in)], ids=["moved", "drive"]
)
async def test_a_file_that_is_not_there_is_waited_for_and_goes_on_where_it_was(
    harm: Deed, mend: Deed, scene: Scene
) -> None:
    async with scene.engine() as engine:
        await begin(scene, reset)
        await scene.in_trouble(Interrupted)
        harm(scene)
        engine.queue.retry(scene.job.id)
        await scene.in_trouble(FileMissing)
        assert scene.job.status is Status.WAITING
        mend(scene)
        if harm is take_away:  # the drive is found without anybody's help
            engine.queue.retry(scene.job.id)
        await scene.arrived()
    scene.check(harm.__name__, UNDER_WAY)


async def test_a_revoked_sign_in_waits_for_a_person_while_the_bytes_go_on(scene: Scene) -> None:
    async with scene.engine() as engine:
        await begin(scene, lambda scene: scene.change("DELETE FROM oauth_tokens"))
        scene.proxy.flow()
        trouble = await scene.in_trouble(SignInNeeded)
        assert (scene.job.status, trouble.retry_at) == (Status.WAITING, None)
        assert scene.job.step is Step.PROCESS, "the upload host never saw our token"
        loop = asyncio.get_running_loop()
        await engine.account.sign_in(lambda url: loop.run_in_executor(None, scene.stage.browser.open, url))
        await scene.until(
            lambda: scene.job.processing is not None or scene.job.step is Step.POST, "what became of the video"
        )
    scene.check("revoked token", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing stops a process there")
async def test_a_laptop_that_slept_longer_than_every_time_out_goes_on(scene: Scene) -> None:
    client = replace(scene.stage.client, environ={"CHUNK": str(HALF), "HASTE": "0.4"}, facts=[])
    scene.proxy.hold(up=HALF + NEAR)
    until_kept = scene.stage.all_kept(scene.clip.name)
    client.start(scene.clip)
    try:
        await asyncio.to_thread(wait_for, lambda: not scene.proxy.flowing, what="half of the file")
        await asyncio.to_thread(until_kept)
        assert client.process is not None
        client.process.send_signal(signal.SIGSTOP)
        scene.proxy.orphan()  # the network it wakes up in does not know the old connection
        asleep = time.monotonic()
        await asyncio.to_thread(wait_for, lambda: time.monotonic() - asleep > 2, what="the night")
        client.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(wait_for, lambda: client.said(step="process"), what="the last byte")
        troubles = [fact["trouble"] for fact in client.facts if fact["trouble"]]
        assert {(trouble["code"], trouble["title"]) for trouble in troubles} == {(Stalled.code, Stalled.title)}
    finally:
        client.kill()
    scene.check("asleep", UNDER_WAY)
