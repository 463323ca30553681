"""Limit, order and schedule on the whole engine, over real HTTP: what is stopped goes on, and no byte is sent twice."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engine.served import served
from tests.engine.test_engine import READY_TO_POST, Scene
from tests.fakes.backend import FakeBackend, Video
from tests.media import clips
from tests.proxy import Proxy
from uploader.engine.allowance import PAUSED_BY_SCHEDULE
from uploader.engine.engine import Engine
from uploader.engine.facts import Changed
from uploader.engine.job import Job, Status, Step
from uploader.uplink import PAUSE, Week

pytestmark = pytest.mark.anyio
SLOWLY = 200_000


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    backend = FakeBackend()
    with served(backend) as port, Proxy(port) as line:
        yield Scene(tmp_path, backend, line)


@pytest.fixture
async def engine(scene: Scene) -> AsyncIterator[Engine]:
    """Signed in, and slow."""
    scene.sign_in()
    async with scene.engine() as engine:
        await engine.allowance.choose(limit=SLOWLY)
        yield engine


async def add(engine: Engine, path: Path) -> Job:
    os.utime(clips.heavy(path, mebibytes=1), (1_000_000_000, 1_000_000_000))  # nobody is writing it any more
    jobs, refusals = await engine.queue.add([path], READY_TO_POST)
    assert refusals == []
    return jobs[0]


async def sending(scene: Scene, engine: Engine, job: Job) -> None:
    """Wait until something of it has left."""
    await scene.until(lambda: job_of(engine, job).sent > job_of(engine, job).confirmed)


def job_of(engine: Engine, job: Job) -> Job:
    return next(one for one in engine.queue.jobs if one.id == job.id)


def video_of(scene: Scene, engine: Engine, job: Job) -> Video:
    ticket = job_of(engine, job).ticket
    assert ticket is not None
    return scene.backend.videos[ticket.video_id]


async def finished(scene: Scene, engine: Engine) -> None:
    """Let everything go on, and look at what has arrived."""
    await engine.allowance.choose(limit=None)
    await engine.queue.idle()
    for job in engine.queue.jobs:
        assert job.status is Status.FINISHED
        assert bytes(video_of(scene, engine, job).held) == job.path.read_bytes()
    assert len(scene.backend.videos) == len(engine.queue.jobs)


async def test_moved_to_the_top_it_is_sent_now_and_the_other_goes_on_from_its_byte(
    scene: Scene, engine: Engine, tmp_path: Path
):
    first, second = await add(engine, tmp_path / "a.mp4"), await add(engine, tmp_path / "b.mp4")
    await sending(scene, engine, first)
    engine.queue.move(second.id, 0)
    await sending(scene, engine, second)
    displaced = job_of(engine, first)
    assert (displaced.step, displaced.status) == (Step.TRANSFER, Status.WAITING)
    assert len(video_of(scene, engine, first).held) < displaced.size
    await finished(scene, engine)
    assert scene.backend.refused == 0, "it did not begin with the next byte"
    order = [fact.job.id for fact in scene.facts if isinstance(fact, Changed) and fact.job.step is Step.PROCESS]
    assert list(dict.fromkeys(order)) == [second.id, first.id]


async def test_a_pause_of_the_schedule_stops_in_the_middle_and_full_speed_goes_on(
    scene: Scene, engine: Engine, tmp_path: Path
):
    job = await add(engine, tmp_path / "a.mp4")
    await sending(scene, engine, job)
    await engine.allowance.choose(scheduled=True, schedule=Week((PAUSE,) * 168))
    await scene.until(lambda: job_of(engine, job).trouble is not None)
    paused = job_of(engine, job)
    assert paused.trouble is not None
    assert (paused.status, paused.trouble.code) == (Status.WAITING, PAUSED_BY_SCHEDULE)
    await engine.allowance.full_speed(True)
    await finished(scene, engine)


async def test_time_left_and_speed_are_those_of_the_limit(scene: Scene, engine: Engine, tmp_path: Path):
    job = await add(engine, tmp_path / "a.mp4")
    await scene.until(lambda: job_of(engine, job).rate > 0)
    assert job_of(engine, job).rate < 5 * SLOWLY  # half a second's worth may leave at once
    await finished(scene, engine)
