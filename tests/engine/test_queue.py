"""The queue: what moves, in which order, and what a person can tell it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.stand import Stand, add, job_of, titles
from uploader.engine.facts import Changed, Ordered, Removed
from uploader.engine.job import Draft, Status, Step
from uploader.errors import Offline, ProxyRefused, ReelferryError, Refused, ServerBusy, SignInNeeded

pytestmark = pytest.mark.anyio


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


async def test_a_file_becomes_a_post(stand: Stand) -> None:
    path = stand.video(size=3500)
    async with stand.queue() as queue:
        job = await add(queue, path)
        await queue.ended([job.id])
        done = job_of(queue, job.id)
    assert (done.step, done.status) == (Step.DONE, Status.FINISHED)
    assert bytes(stand.backend.videos["video-1"].held) == path.read_bytes()
    assert [request.content for request, _ in stand.backend.posts.values()] == ["Hello"]
    assert done.post_id == "post-1"
    assert done.watch_url == "http://host/watch/video-1"
    assert (done.duration, done.width, done.height) == (12.5, 1920, 1080)
    assert done.thumbnail is not None
    assert done.thumbnail.read_bytes() == b"JPEG"
    assert done.finished_at == stand.time.now
    assert (done.sent, done.confirmed, done.rate) == (3500, 3500, 0)


async def test_it_passes_every_step_in_order(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.idle()
    steps = list(dict.fromkeys(step for step, _ in stand.path_of(job.id)))
    assert steps == list(Step)


async def test_an_unapproved_post_waits_and_does_not_hold_up_the_others(stand: Stand) -> None:
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"), draft=Draft("not yet"))
        second = await add(queue, stand.video("b.mp4"))
        await queue.ended([second.id])
        await stand.until(lambda: job_of(queue, first.id).step is Step.POST)
        await queue.idle()
        waiting = job_of(queue, first.id)
        assert (waiting.status, waiting.trouble, waiting.sealed) == (Status.WAITING, None, False)
        assert len(stand.backend.posts) == 1
        queue.write(first.id, text="now", community_id="films")
        queue.approve(first.id, True)
        await queue.ended([first.id])
    request, _ = stand.backend.posts[f"{first.id}.post"]
    assert (request.content, request.community_id, request.video_id) == ("now", "films", "video-1")


async def test_approval_can_be_taken_back_while_the_video_is_made(stand: Stand) -> None:
    stand.backend.gates["status"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
        queue.approve(job.id, False)
        stand.backend.gates["status"].set()
        await queue.idle()
        assert job_of(queue, job.id).step is Step.POST
    assert stand.backend.posts == {}


async def test_as_many_jobs_move_bytes_as_there_are_slots(stand: Stand) -> None:
    stand.slots = 2
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        for name in "abcd":
            await add(queue, stand.video(f"{name}.mp4"))
        await stand.until(lambda: sum(job.step is Step.TRANSFER for job in queue.jobs) == 2)
        await stand.passes(lambda: stand.backend.asked.count("transfer") == 2)
        running = [job.title for job in queue.jobs if job.status is Status.RUNNING]
        assert running == ["a", "b"]
        stand.backend.gates["transfer"].set()
        await queue.idle()
        assert {job.status for job in queue.jobs} == {Status.FINISHED}
    tickets = [name for name in stand.backend.asked if name == "ticket"]
    assert len(tickets) == 4


async def test_the_next_file_moves_while_the_first_is_processed(stand: Stand) -> None:
    stand.backend.gates["status"] = asyncio.Event()
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"))
        second = await add(queue, stand.video("b.mp4"))
        await stand.until(lambda: job_of(queue, second.id).step is Step.PROCESS)
        assert job_of(queue, first.id).step is Step.PROCESS
        stand.backend.gates["status"].set()
        await queue.idle()


async def test_jobs_start_in_the_order_of_the_list(stand: Stand) -> None:
    async with stand.queue(run=False) as queue:
        for name in "abc":
            await add(queue, stand.video(f"{name}.mp4"))
        queue.move(queue.jobs[2].id, 0)
        assert titles(queue.jobs) == ["c", "a", "b"]
        assert stand.facts[-1] == Ordered(tuple(job.id for job in queue.jobs))
        queue.start()
        await queue.idle()
    started = [f.job.title for f in stand.facts if isinstance(f, Changed) and f.job.status is Status.RUNNING]
    assert list(dict.fromkeys(started)) == ["c", "a", "b"]


async def test_the_order_survives_a_restart(stand: Stand) -> None:
    async with stand.queue(run=False) as queue:
        for name in "abcd":
            await add(queue, stand.video(f"{name}.mp4"))
        queue.move(queue.jobs[0].id, 2)
        queue.move(queue.jobs[3].id, 99)
        queue.remove(queue.jobs[0].id)
    async with stand.queue(run=False) as queue:
        assert titles(queue.jobs) == ["c", "a", "d"]


@pytest.mark.parametrize("name", ["ticket", "transfer", "status"])
async def test_pause_stops_and_resume_goes_on_from_there(stand: Stand, name: str) -> None:
    stand.backend.gates[name] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked(name)
        queue.pause(job.id)
        assert job_of(queue, job.id).status is Status.PAUSED
        await queue.idle()
        asked = len(stand.backend.asked)
        facts = len(stand.facts)
        stand.backend.gates[name].set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert (len(stand.backend.asked), len(stand.facts)) == (asked, facts), "nothing happens while paused"
        queue.resume(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert len(stand.backend.videos) == 1
    assert len(stand.backend.posts) == 1


async def test_pausing_one_lets_the_next_go(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"))
        second = await add(queue, stand.video("b.mp4"))
        await stand.until(lambda: job_of(queue, first.id).step is Step.TRANSFER)
        queue.pause(first.id)
        stand.backend.gates["transfer"].set()
        await queue.ended([second.id])
        assert job_of(queue, first.id).status is Status.PAUSED


async def test_pause_all_and_resume_all(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        for name in "abc":
            await add(queue, stand.video(f"{name}.mp4"))
        await stand.until(lambda: queue.jobs[0].step is Step.TRANSFER)
        queue.pause_all()
        assert {job.status for job in queue.jobs} == {Status.PAUSED}
        await queue.idle()
        stand.backend.gates["transfer"].set()
        queue.resume_all()
        await queue.idle()
        assert {job.status for job in queue.jobs} == {Status.FINISHED}


async def test_what_waits_for_approval_is_not_paused_with_the_rest(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft())
        await queue.idle()
        queue.pause_all()
        assert job_of(queue, job.id).status is Status.WAITING


async def test_cancel_deletes_what_the_server_has(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).step is Step.TRANSFER)
        queue.cancel(job.id)
        assert job_of(queue, job.id).status is Status.CANCELLED
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
        with pytest.raises(ValueError, match="cancelled"):
            queue.resume(job.id)


async def test_a_deletion_is_retried_until_the_server_has_done_it_also_after_a_restart(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    stand.backend.before["delete"].append(SignInNeeded())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).step is Step.TRANSFER)
        queue.remove(job.id)
        await stand.passes(lambda: "delete" in stand.backend.asked)
    assert stand.backend.deleted == []
    stand.backend.before["delete"].clear()
    async with stand.queue() as queue:
        assert queue.jobs == ()
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
    async with stand.queue():
        for _ in range(50):
            await asyncio.sleep(0)
    assert stand.backend.deleted == ["video-1"]


async def test_a_deletion_waits_out_trouble_and_takes_no_for_an_answer(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    stand.backend.before["delete"].extend([ServerBusy(), Offline(), Refused()])
    async with stand.queue() as queue:
        jobs, _ = await queue.add([stand.video("a.mp4"), stand.video("b.mp4")])
        for number, job in enumerate(jobs, start=1):
            await stand.asked("transfer", times=number)
            queue.cancel(job.id)
        await stand.passes(lambda: stand.backend.deleted == ["video-2"])
    assert stand.backend.asked.count("delete") == 4


@pytest.mark.parametrize("trouble", [ProxyRefused, SignInNeeded])
async def test_a_deletion_that_a_person_has_to_make_way_for_is_not_given_up(
    stand: Stand, trouble: type[ReelferryError]
) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    stand.backend.before["delete"].append(trouble())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        queue.cancel(job.id)
        await stand.asked("delete")
        queue.retry_now()
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])


@pytest.mark.parametrize(
    ("command", "statuses"),
    [
        ("pause", {Status.PAUSED, Status.FAILED, Status.FINISHED, Status.CANCELLED}),
        ("resume", set(Status) - {Status.PAUSED}),
        ("retry", {Status.PAUSED, Status.FINISHED, Status.CANCELLED}),
        ("restart", {Status.FINISHED, Status.CANCELLED}),
        ("cancel", {Status.FINISHED, Status.CANCELLED}),
    ],
)
async def test_a_command_that_makes_no_sense_changes_nothing(stand: Stand, command: str, statuses: set[Status]) -> None:
    async with stand.queue(run=False) as queue:
        job = await add(queue, stand.video())
        for status in statuses - {Status.RUNNING, Status.WAITING}:
            queue._ledger.put(replace(job, status=status))
            with pytest.raises(ValueError, match=status):
                getattr(queue, command)(job.id)
            assert job_of(queue, job.id).status is status
        with pytest.raises(KeyError):
            getattr(queue, command)("nobody")


async def test_remove_takes_a_job_off_list_and_disk(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        thumbnail = job_of(queue, job.id).thumbnail
        assert thumbnail is not None
        queue.remove(job.id)
        assert stand.facts[-1] == Removed(job.id)
        assert not thumbnail.exists()
        with pytest.raises(KeyError):
            queue.pause(job.id)
    async with stand.queue() as queue:
        assert queue.jobs == ()
    assert stand.backend.deleted == [], "a finished video stays on the server"


async def test_text_and_community_can_be_written_at_every_step_until_the_post_leaves(stand: Stand) -> None:
    names = ["ticket", "transfer", "status", "post"]
    for name in names:
        stand.backend.gates[name] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("0", approved=True))
        for name in names[:-1]:
            await stand.asked(name)
            queue.write(job.id, text=f"{job_of(queue, job.id).draft.text} {name}", community_id=name)
            stand.backend.gates[name].set()
        await stand.asked("post")
        with pytest.raises(ValueError, match="out"):
            queue.write(job.id, text="too late")
        with pytest.raises(ValueError, match="out"):
            queue.approve(job.id, False)
        with pytest.raises(ValueError, match="out"):
            queue.restart(job.id)
        stand.backend.gates["post"].set()
        await queue.ended([job.id])
        with pytest.raises(ValueError, match="out"):
            queue.write(job.id, text="too late")
    request, _ = stand.backend.posts[f"{job.id}.post"]
    assert (request.content, request.community_id) == ("0 ticket transfer status", "status")


async def test_only_what_is_given_is_written(stand: Stand) -> None:
    async with stand.queue(run=False) as queue:
        job = await add(queue, stand.video("film.mp4"), draft=Draft("text", "films"))
        queue.write(job.id, title="  A film  ")
        queue.write(job.id, title=" ")
        assert job_of(queue, job.id).title == "A film"
        assert job_of(queue, job.id).draft == Draft("text", "films")
        queue.write(job.id, community_id=None)
        assert job_of(queue, job.id).draft == Draft("text", None)
        queue.write(job.id, text="half an emoji \ud83d")
        assert job_of(queue, job.id).draft.text == "half an emoji ?"


async def test_the_same_path_is_taken_once_while_it_is_on_its_way(stand: Stand) -> None:
    path = stand.video("a.mp4")
    async with stand.queue() as queue:
        jobs, refusals = await queue.add([path, stand.folder / "." / "a.mp4"])
        assert len(jobs) == 1
        assert [refusal.error.code for refusal in refusals] == ["already_queued"]
        queue.approve(jobs[0].id, True)
        await queue.ended([jobs[0].id])
        again, refusals = await queue.add([path])
        assert (len(again), refusals) == (1, [])


async def test_a_restart_of_the_program_goes_on_where_it_was(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).step is Step.TRANSFER)
    stand.backend.gates.clear()
    async with stand.queue() as queue:
        assert job_of(queue, job.id).status is Status.WAITING
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert stand.backend.asked.count("ticket") == 1
    assert list(stand.backend.videos) == ["video-1"]


async def test_paused_and_failed_jobs_stay_so_over_a_restart(stand: Stand) -> None:
    async with stand.queue(run=False) as queue:
        job = await add(queue, stand.video())
        queue.pause(job.id)
    async with stand.queue() as queue:
        await queue.idle()
        assert job_of(queue, job.id).status is Status.PAUSED
    assert stand.backend.asked == []


async def test_progress_is_told_at_most_ten_times_a_second(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(size=500_000))
        began = asyncio.get_running_loop().time()
        await queue.ended([job.id])
        seconds = asyncio.get_running_loop().time() - began
    told = [job for job in stand.snapshots(job.id) if job.step is Step.TRANSFER and 0 < job.sent < job.size]
    assert stand.backend.asked.count("transfer") == 501
    assert len(told) <= 2 + seconds * 10


async def test_closing_while_everything_moves_leaves_nothing_running(stand: Stand) -> None:
    stand.slots = 3
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        for name in "abc":
            await add(queue, stand.video(f"{name}.mp4"))
        await stand.until(lambda: all(job.step is Step.TRANSFER for job in queue.jobs))
    others = [task for task in asyncio.all_tasks() if task.get_name().startswith(("job", "forget"))]
    assert others == []


async def test_thousands_of_jobs_are_added_moved_and_removed(stand: Stand) -> None:
    paths = [stand.video(f"many/{number:05}.mp4", 1) for number in range(2000)]
    async with stand.queue(run=False) as queue:
        jobs, refusals = await queue.add([stand.folder / "many"])
        assert (len(jobs), refusals) == (2000, [])
        assert [job.path for job in queue.jobs] == paths
        queue.start()
        queue.pause_all()
        queue.move(jobs[-1].id, 0)
        for job in jobs[:500]:
            queue.remove(job.id)
        _, refusals = await queue.add(paths[500:])
        assert {refusal.error.code for refusal in refusals} == {"already_queued"}
        assert len(refusals) == 1500
    async with stand.queue(run=False) as queue:
        assert len(queue.jobs) == 1500
        assert queue.jobs[0].id == jobs[-1].id
