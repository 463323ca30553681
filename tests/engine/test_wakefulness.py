"""When the computer is kept awake: while there is something to do, and a minute longer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.desktop.jobs import a_job, posted, processing, uploading
from tests.engine.still_time import StillTime
from uploader.engine.facts import Changed, Network, Removed
from uploader.engine.job import Draft, Job, Status, Step, Trouble
from uploader.engine.wakefulness import LINGER, SOON, Wakefulness, is_pending

pytestmark = pytest.mark.anyio


class Recorder:
    """An inhibitor that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def inhibit(self) -> None:
        self.asked.append("inhibit")

    async def release(self) -> None:
        self.asked.append("release")


class Scene:
    def __init__(self) -> None:
        self.time = StillTime(flows=False)
        self.system = Recorder()
        self.wakefulness = Wakefulness(self.system, self.time.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.wakefulness.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def say(self, *jobs: Job) -> None:
        for job in jobs:
            self.wakefulness.take(Changed(job))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110  (the loop has to turn; there is no event)
                await asyncio.sleep(0)

    async def turns(self) -> None:
        """Whatever can happen without time passing has happened."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def lingers(self) -> None:
        """Wait until nothing but time is between here and the leave to sleep."""
        await self.until(lambda: self.time.sleeping == 1)


async def test_the_computer_is_kept_awake_from_the_first_to_a_minute_after_the_last() -> None:
    scene = Scene()
    async with scene.running():
        scene.say(uploading(1), uploading(2))
        await scene.until(lambda: scene.system.asked == ["inhibit"])
        scene.say(posted(1))
        scene.wakefulness.take(Removed(uploading(2).id))
        await scene.lingers()
        scene.time.advance(59)
        await scene.turns()
        assert scene.system.asked == ["inhibit"]
        scene.time.advance(1)
        await scene.until(lambda: scene.system.asked == ["inhibit", "release"])
        scene.say(uploading(3))
        await scene.until(lambda: scene.system.asked == ["inhibit", "release", "inhibit"])
    assert scene.system.asked == ["inhibit", "release", "inhibit", "release"], "when it ends, nothing is left behind"


async def test_another_file_within_the_minute_begins_it_anew() -> None:
    scene = Scene()
    async with scene.running():
        scene.say(uploading(1))
        await scene.until(lambda: scene.system.asked == ["inhibit"])
        scene.say(posted(1))
        await scene.lingers()
        scene.time.advance(LINGER - 1)
        scene.say(uploading(2))
        await scene.until(lambda: scene.time.sleeping == 0)
        scene.say(posted(2))
        await scene.lingers()
        scene.time.advance(LINGER - 1)
        await scene.turns()
        assert scene.system.asked == ["inhibit"]
        scene.time.advance(1)
        await scene.until(lambda: scene.system.asked == ["inhibit", "release"])


async def test_what_is_not_about_jobs_changes_nothing() -> None:
    scene = Scene()
    async with scene.running():
        scene.wakefulness.take(Network(online=True, rate=1.0))
        scene.say(a_job(1))
        await scene.turns()
        assert scene.system.asked == []


NOW = StillTime().now
BUSY = Trouble("server_busy", "The server is busy", "", NOW + timedelta(seconds=SOON))
LATER = replace(BUSY, retry_at=NOW + timedelta(seconds=SOON + 1))
APPROVED = Draft("Hello", approved=True)


@pytest.mark.parametrize(
    ("job", "pending"),
    [
        (uploading(), True),
        (uploading(step=Step.PREPARE), True),
        (uploading(step=Step.POST, draft=APPROVED), True),
        (uploading(status=Status.WAITING, trouble=BUSY), True),
        (processing(draft=APPROVED), True),
        (processing(), False),
        (processing(draft=APPROVED, sealed=True), False),
        (uploading(status=Status.WAITING, trouble=LATER), False),
        (uploading(status=Status.WAITING, trouble=Trouble("metered", "Paused: this network is metered")), False),
        (uploading(status=Status.WAITING, trouble=Trouble("sign_in_needed", "Sign in to continue")), False),
        (uploading(status=Status.WAITING, trouble=Trouble("file_missing", "The file is not there")), False),
        (uploading(status=Status.PAUSED), False),
        (uploading(status=Status.FAILED), False),
        (a_job(), False),
        (posted(), False),
    ],
)
async def test_what_counts_as_something_to_do(job: Job, pending: bool) -> None:
    assert is_pending(job, NOW) is pending


async def test_processing_counts_where_this_computer_does_it() -> None:
    assert is_pending(processing(), NOW, server_is_here=True)
