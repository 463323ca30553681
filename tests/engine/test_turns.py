"""Whose turn it is: slots that change, files that overtake, an order that holds at once, and everything held."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stand import Stand, add, job_of, titles
from uploader.engine.facts import Changed
from uploader.engine.job import Job, Status, Step, Trouble
from uploader.engine.queue import Queue
from uploader.engine.turns import SMALL, overtakes

pytestmark = pytest.mark.anyio

LARGE = 300_000
EVENING = Trouble("paused_by_schedule", "Uploads pause until 18:00, as your schedule says")
METERED = Trouble("metered", "This network is metered")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Where nothing is sent until the gate opens. In the end every byte has arrived once, and in order."""
    stand = Stand(tmp_path)
    stand.backend.gates["transfer"] = asyncio.Event()
    yield stand
    for path in tmp_path.glob("*.mp4"):
        held = [bytes(video.held) for video in stand.backend.videos.values()]
        assert held.count(path.read_bytes()) == 1, path


async def some_sent(stand: Stand, queue: Queue, job: Job) -> int:
    """Let the gate be open until the server has something of this job; how much that is."""
    gate = stand.backend.gates["transfer"]
    gate.set()
    await stand.passes(lambda: job_of(queue, job.id).confirmed > 1000)
    gate.clear()
    confirmed = job_of(queue, job.id).confirmed
    assert confirmed < job.size
    return confirmed


async def moving(stand: Stand, queue: Queue, *wanted: str) -> None:
    """Wait until exactly these move."""
    await stand.passes(lambda: titles([job for job in queue.jobs if job.status is Status.RUNNING]) == list(wanted))


def uploaded(stand: Stand) -> list[str]:
    """In the order in which the server had all of them."""
    there = [fact.job.title for fact in stand.facts if isinstance(fact, Changed) and fact.job.step is Step.PROCESS]
    return list(dict.fromkeys(there))


async def the_rest(stand: Stand, queue: Queue) -> None:
    stand.backend.gates["transfer"].set()
    await queue.idle()
    assert {job.status for job in queue.jobs} == {Status.FINISHED}


async def test_moved_to_the_top_it_starts_now_and_what_it_displaced_keeps_its_bytes(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4", LARGE))
        await add(queue, stand.video("b.mp4", LARGE))
        last = await add(queue, stand.video("c.mp4", LARGE))
        sent = await some_sent(stand, queue, first)
        queue.move(last.id, 0)
        await moving(stand, queue, "c")
        displaced = job_of(queue, first.id)
        assert (displaced.step, displaced.status, displaced.trouble) == (Step.TRANSFER, Status.WAITING, None)
        assert displaced.confirmed >= sent
        await the_rest(stand, queue)
    assert uploaded(stand) == ["c", "a", "b"]
    assert stand.backend.asked.count("ticket") == 3


async def test_moved_below_one_that_waits_it_lets_that_one_go_first(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4", LARGE))
        await add(queue, stand.video("b.mp4", LARGE))
        await moving(stand, queue, "a")
        queue.move(first.id, 1)
        await moving(stand, queue, "b")
        await the_rest(stand, queue)


async def test_a_move_that_passes_nothing_that_runs_disturbs_nothing(stand: Stand) -> None:
    async with stand.queue() as queue:
        jobs = [await add(queue, stand.video(f"{name}.mp4", LARGE)) for name in "abcd"]
        await stand.asked("transfer")
        queue.pause(jobs[0].id)
        await stand.asked("transfer", times=2)
        queue.resume(jobs[0].id)
        queue.move(jobs[3].id, 2)
        queue.move(jobs[2].id, 3)
        queue.move(jobs[1].id, 1)
        await moving(stand, queue, "b")
        assert stand.backend.asked.count("transfer") == 2
        await the_rest(stand, queue)


async def test_of_two_that_run_the_lower_one_makes_room(stand: Stand) -> None:
    stand.slots = 2
    async with stand.queue() as queue:
        jobs = [await add(queue, stand.video(f"{name}.mp4", LARGE)) for name in "abc"]
        await moving(stand, queue, "a", "b")
        queue.move(jobs[2].id, 0)
        await moving(stand, queue, "c", "a")
        await the_rest(stand, queue)


async def test_what_would_have_to_start_again_from_zero_is_not_displaced(stand: Stand) -> None:
    stand.backend.protocol = "form"
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4", LARGE))
        second = await add(queue, stand.video("b.mp4", LARGE))
        await some_sent(stand, queue, first)
        queue.move(second.id, 0)
        queue.set_slots(1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert job_of(queue, first.id).status is Status.RUNNING
        await the_rest(stand, queue)


async def test_more_slots_start_more_and_fewer_keep_the_first(stand: Stand) -> None:
    async with stand.queue() as queue:
        for name in "abcd":
            await add(queue, stand.video(f"{name}.mp4", LARGE))
        await moving(stand, queue, "a")
        queue.set_slots(3)
        await moving(stand, queue, "a", "b", "c")
        queue.set_slots(2)
        await moving(stand, queue, "a", "b")
        assert queue.jobs[2].status is Status.WAITING
        await the_rest(stand, queue)


async def test_a_small_file_runs_beside_a_large_one_and_only_one_at_a_time(stand: Stand) -> None:
    async with stand.queue() as queue:
        await add(queue, stand.video("large.mp4", LARGE))
        await add(queue, stand.video("medium.mp4", LARGE // 5))
        await add(queue, stand.video("small.mp4", LARGE // 10))
        await add(queue, stand.video("smaller.mp4", LARGE // 20))
        await moving(stand, queue, "large", "small")
        await stand.asked("transfer", times=2)
        await the_rest(stand, queue)
    order = uploaded(stand)
    assert order[0] == "small"
    assert order.index("large") < order.index("medium"), "a tenth at most overtakes"


async def test_a_small_file_that_is_processed_keeps_no_other_from_overtaking(stand: Stand) -> None:
    gate, stand.backend.gates["status"] = stand.backend.gates["transfer"], asyncio.Event()
    async with stand.queue() as queue:
        await add(queue, stand.video("large.mp4", LARGE))
        small = await add(queue, stand.video("small.mp4", LARGE // 20))
        await add(queue, stand.video("smaller.mp4", LARGE // 30))
        await stand.asked("transfer", times=2)
        gate.set()
        await stand.passes(lambda: job_of(queue, small.id).step is Step.PROCESS)
        gate.clear()
        await moving(stand, queue, "large", "small", "smaller")
        stand.backend.gates["status"].set()
        await the_rest(stand, queue)


async def test_what_runs_beside_takes_no_slot_and_none_is_taken_from_it(stand: Stand) -> None:
    async with stand.queue() as queue:
        await add(queue, stand.video("large.mp4", LARGE))
        await add(queue, stand.video("small.mp4", LARGE // 10))
        third = await add(queue, stand.video("third.mp4", LARGE))
        await moving(stand, queue, "large", "small")
        queue.move(third.id, 1)
        queue.set_slots(2)
        await moving(stand, queue, "large", "third", "small")
        await the_rest(stand, queue)


def test_a_hundred_megabytes_are_not_small(stand: Stand) -> None:
    large, small = (Job(name, Path(name), size, name, stand.time.now) for name, size in (("a", 10**12), ("b", SMALL)))
    assert overtakes(small, [large])
    assert not overtakes(Job("c", Path("c"), SMALL + 1, "c", stand.time.now), [large])


async def test_held_what_runs_stops_and_says_why_and_goes_on_from_there(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4", LARGE))
        second = await add(queue, stand.video("b.mp4", LARGE))
        sent = await some_sent(stand, queue, first)
        queue.hold("schedule", EVENING)
        await stand.until(lambda: job_of(queue, first.id).trouble == EVENING)
        held = job_of(queue, first.id)
        assert (held.status, held.step) == (Status.WAITING, Step.TRANSFER)
        assert held.confirmed >= sent
        assert job_of(queue, second.id).trouble is None, "it waits for its turn first"
        asked = stand.backend.asked.count("transfer")
        stand.backend.gates["transfer"].set()
        queue.retry_now()
        queue.retry(first.id)
        for _ in range(50):
            await asyncio.sleep(0)
        assert stand.backend.asked.count("transfer") == asked, "nothing is sent"
        queue.hold("schedule", None)
        await queue.idle()
        assert {job.status for job in queue.jobs} == {Status.FINISHED}
        assert {job.trouble for job in queue.jobs} == {None}


async def test_what_is_held_is_not_idle_and_what_is_made_and_posted_goes_on(stand: Stand) -> None:
    stand.backend.gates["status"] = asyncio.Event()
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"))
        stand.backend.gates["transfer"].set()
        await stand.until(lambda: job_of(queue, first.id).step is Step.PROCESS)
        queue.hold("schedule", EVENING)
        second = await add(queue, stand.video("b.mp4"))
        await stand.until(lambda: job_of(queue, second.id).trouble == EVENING)
        stand.backend.gates["status"].set()
        await queue.ended([first.id])
        idle = asyncio.ensure_future(queue.idle())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not idle.done()
        queue.hold("schedule", None)
        await idle
        await the_rest(stand, queue)


async def test_two_reasons_hold_until_both_are_gone(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video("a.mp4"))
        queue.hold("schedule", EVENING)
        queue.hold("network", METERED)
        await stand.until(lambda: job_of(queue, job.id).trouble == EVENING)
        queue.hold("schedule", None)
        await stand.until(lambda: job_of(queue, job.id).trouble == METERED)
        assert "transfer" not in stand.backend.asked
        queue.hold("network", None)
        await the_rest(stand, queue)


async def test_held_while_paused_it_stays_paused(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"))
        second = await add(queue, stand.video("b.mp4"))
        queue.pause(first.id)
        queue.hold("schedule", EVENING)
        await stand.until(lambda: job_of(queue, second.id).trouble == EVENING)
        assert job_of(queue, first.id).status is Status.PAUSED
        queue.move(second.id, 0)
        queue.resume(first.id)
        queue.hold("schedule", None)
        await the_rest(stand, queue)


async def test_a_displaced_file_that_is_moved_up_again_goes_on(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4", LARGE))
        second = await add(queue, stand.video("b.mp4", LARGE))
        await some_sent(stand, queue, first)
        for _ in range(5):
            queue.move(second.id, 0)
            queue.move(first.id, 0)
        await moving(stand, queue, "a")
        await the_rest(stand, queue)
