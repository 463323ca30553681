"""A server that publishes by itself gets the post once the bytes are there; what changes here is told to it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.post_office import NOON
from tests.engine.stand import Stand, add, job_of
from uploader.engine.job import Draft, Job, Status, Step
from uploader.engine.queue import Queue
from uploader.errors import Interrupted, Offline, PostRefused, ServerBusy
from uploader.wire import ServerConfig, VideoProblem

pytestmark = pytest.mark.anyio

PUBLISHES = ServerConfig(
    version="1",
    max_bytes=10**9,
    max_duration_seconds=3600,
    accepted_types=("video/*",),
    protocols=("tus",),
    publishing=("now", "when_ready", "at", "draft"),
)
NEVER = 10**9
"""Polls until a video is ready."""


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """Before a server that publishes by itself."""
    stand = Stand(tmp_path)
    stand.limits = PUBLISHES
    stand.backend.office.now = lambda: stand.time.now
    return stand


async def waits_there(stand: Stand, queue: Queue, job: Job, *, draft: Draft | None = None) -> None:
    """Until the server has said that it publishes this draft."""
    await stand.until(
        lambda: job_of(queue, job.id).entrusted and (draft is None or job_of(queue, job.id).draft == draft)
    )


async def test_the_server_gets_the_post_while_it_processes_and_publishes_it(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        done = job_of(queue, job.id)
    assert (done.step, done.status, done.post_id) == (Step.DONE, Status.FINISHED, "own-1")
    assert [post.content for post in stand.backend.office.published] == ["Hello"]
    assert "post" not in stand.backend.asked
    assert stand.backend.asked.index("hand_over") < len(stand.backend.asked) - stand.backend.asked[::-1].index("status")


async def test_it_is_not_given_before_every_byte_is_there_or_without_the_persons_word(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello"))
        await stand.asked("status", 3)
        assert "hand_over" not in stand.backend.asked
        assert not job_of(queue, job.id).entrusted
        queue.approve(job.id, True)
        await waits_there(stand, queue, job)
    handed = [snapshot for snapshot in stand.snapshots(job.id) if snapshot.handover]
    assert {snapshot.confirmed for snapshot in handed} == {job.size}


async def test_nothing_is_claimed_before_the_server_has_answered(stand: Stand) -> None:
    stand.backend.gates["hand_over"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("hand_over")
        assert job_of(queue, job.id).handover is not None
        assert not job_of(queue, job.id).entrusted
        stand.backend.gates["hand_over"].set()
        await stand.until(lambda: job_of(queue, job.id).entrusted)


@pytest.mark.parametrize("publishing", [("now",), ("now", "when_ready")])
async def test_to_a_server_that_does_not_offer_it_we_post_ourselves(stand: Stand, publishing: tuple[str, ...]) -> None:
    stand.limits = PUBLISHES.model_copy(update={"publishing": publishing})
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
    assert "hand_over" not in stand.backend.asked
    assert len(stand.backend.posts) == 1


async def test_what_leaves_is_on_disk_before(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello"))
        await stand.asked("status")
        with closing(sqlite3.connect(stand.folder / "queue.sqlite3", isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            queue.approve(job.id, True)
            await stand.until(lambda: job_of(queue, job.id).handover is not None)
            for _ in range(100):
                await asyncio.sleep(0)
            assert "hand_over" not in stand.backend.asked, "nothing can be written"
            other.execute("ROLLBACK")
        await waits_there(stand, queue, job)


async def test_a_lost_reply_hands_over_once(stand: Stand) -> None:
    stand.backend.after["hand_over"].extend([Interrupted(), ServerBusy()])
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
    assert stand.backend.asked.count("hand_over") == 3
    assert len(stand.backend.office.published) == 1


async def test_ended_before_the_reply_and_edited_before_the_next_start_it_is_one_post_with_the_new_text(
    stand: Stand,
) -> None:
    stand.backend.polls = NEVER
    stand.backend.after["hand_over"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.passes(lambda: "hand_over" in stand.backend.asked)
    stand.time.flows = True
    async with stand.queue(run=False) as queue:
        queue.write(job.id, text="Hello again")
    async with stand.queue() as queue:
        await waits_there(stand, queue, job)
        stand.backend.polls = 0
        await queue.ended([job.id])
    assert [post.content for post in stand.backend.office.posts.values()] == ["Hello again"]
    assert len(stand.backend.office.published) == 1


async def test_an_edit_is_told_at_once(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        queue.write(job.id, text="Better", community_id="films")
        assert not job_of(queue, job.id).entrusted, "the server has not heard of it"
        await waits_there(stand, queue, job, draft=Draft("Better", "films", approved=True))
        [post] = stand.backend.office.posts.values()
        assert (post.content, post.community_id) == ("Better", "films")


async def test_taken_back_it_is_not_posted_until_it_is_let_go_again_and_then_once(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        queue.approve(job.id, False)
        await stand.until(lambda: job_of(queue, job.id).in_step)
        stand.backend.polls = 0
        await stand.until(lambda: job_of(queue, job.id).step is Step.POST)
        await queue.idle()
        assert job_of(queue, job.id).status is Status.WAITING
        assert stand.backend.office.published == []
        queue.approve(job.id, True)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert len(stand.backend.office.published) == 1
    assert len(stand.backend.office.posts) == 1
    assert stand.backend.posts == {}


@pytest.mark.parametrize(
    "late",
    [lambda queue, job_id: queue.write(job_id, text="Too late"), lambda queue, job_id: queue.approve(job_id, False)],
)
async def test_a_change_that_finds_it_posted_ends_as_posted(late: Callable[[Queue, str], None], stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        stand.backend.videos["video-1"].state = "ready"
        stand.backend.office.deliver()
        late(queue, job.id)
        await queue.ended([job.id])
        done = job_of(queue, job.id)
    assert (done.status, done.post_id) == (Status.FINISHED, "own-1")
    assert done.handover is not None
    assert done.handover.told != done.draft, "so that the words can say that it came too late"
    assert [post.content for post in stand.backend.office.published] == ["Hello"]


async def test_taken_back_without_a_network_the_server_is_told_as_soon_as_there_is_one(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        stand.backend.before["change_post"].extend([Offline()] * 3)
        queue.approve(job.id, False)
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        assert not job_of(queue, job.id).in_step
        await stand.until(lambda: job_of(queue, job.id).in_step)
        assert not job_of(queue, job.id).entrusted


async def test_a_refused_post_is_not_handed_over_and_can_be_mended(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("text", "gone", approved=True))
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.handover) == ("post_refused", None)
        queue.write(job.id, community_id="films")
        queue.retry(job.id)
        await waits_there(stand, queue, job)
        stand.backend.polls = 0
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert [post.community_id for post in stand.backend.office.published] == ["films"]


async def test_a_refused_edit_says_what_the_server_still_has_and_the_next_edit_goes_on(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        queue.write(job.id, community_id="gone")
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert "still has the post as it was" in trouble.hint
        queue.write(job.id, community_id="films")
        await waits_there(stand, queue, job)
        stand.backend.polls = 0
        await queue.ended([job.id])
    assert [post.community_id for post in stand.backend.office.published] == ["films"]


async def test_a_video_that_fails_is_uploaded_again_and_posted_once(stand: Stand) -> None:
    stand.backend.problem = VideoProblem(code="media_failed", message="The video could not be read", action="")
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FAILED
        stand.backend.problem = None
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert [post.video_id for post in stand.backend.office.published] == ["video-2"]


async def test_an_upload_begun_anew_takes_back_what_was_handed_over_also_if_nobody_knows_whether_it_arrived(
    stand: Stand,
) -> None:
    stand.backend.polls = NEVER
    stand.backend.after["hand_over"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        queue.restart(job.id)
        stand.time.flows = True
        stand.time.advance(60)
        await stand.until(lambda: job_of(queue, job.id).attempt == 2 and job_of(queue, job.id).entrusted)
        stand.backend.polls = 0
        await queue.ended([job.id])
    assert [post.video_id for post in stand.backend.office.published] == ["video-2"]


async def test_what_never_arrived_does_not_come_out_when_the_upload_begins_anew(stand: Stand) -> None:
    stand.backend.polls = NEVER
    stand.backend.before["hand_over"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        stand.backend.videos["video-1"].state = "ready"
        stand.backend.before["delete"].append(Offline())
        stand.backend.polls = 0
        queue.restart(job.id)
        await stand.asked("delete")
        stand.time.flows = True
        stand.time.advance(60)
        await queue.ended([job.id])
    assert job_of(queue, job.id).status is Status.FINISHED
    assert {post.video_id for post in stand.backend.office.published} <= {"video-2"}
    assert set(stand.backend.deleted) == {"video-1"}


async def test_an_upload_begun_anew_too_late_ends_as_posted(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        stand.backend.videos["video-1"].state = "ready"
        stand.backend.office.deliver()
        queue.restart(job.id)
        await queue.ended([job.id])
        assert (job_of(queue, job.id).status, job_of(queue, job.id).post_id) == (Status.FINISHED, "own-1")
    assert len(stand.backend.office.published) == 1
    assert stand.backend.deleted == []


async def test_a_job_that_is_removed_takes_its_waiting_post_along_but_not_one_that_is_out(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        jobs = [await add(queue, stand.video(name)) for name in ("a.mp4", "b.mp4")]
        for job in jobs:
            await waits_there(stand, queue, job)
        stand.backend.videos["video-2"].state = "ready"
        stand.backend.office.deliver()
        for job in jobs:
            queue.remove(job.id)
        await stand.asked("delete", 2)
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
    assert [post.video_id for post in stand.backend.office.published] == ["video-2"]


async def test_cancelled_elsewhere_it_is_not_posted_behind_anybodys_back(stand: Stand) -> None:
    at = stand.time.now + timedelta(days=1)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, publish_at=at))
        await waits_there(stand, queue, job)
        stand.backend.office.cancel("own-1")
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.draft.approved, failed.handover) == ("post_gone", False, None)
        queue.write(job.id, publish_at=None)
        queue.approve(job.id, True)
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_nothing_pauses_what_the_server_has(stand: Stand) -> None:
    stand.backend.polls = NEVER
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await waits_there(stand, queue, job)
        queue.pause_all()
        assert job_of(queue, job.id).status is not Status.PAUSED
        with pytest.raises(ValueError, match="by itself"):
            queue.pause(job.id)


# A height


async def test_the_server_is_told_the_height_to_wait_for_and_every_change_of_it(stand: Stand) -> None:
    stand.backend.polls = NEVER
    draft = Draft("Hello", approved=True, min_height=1080)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=draft)
        await waits_there(stand, queue, job)
        assert stand.backend.office.read("own-1").min_height == 1080
        assert job_of(queue, job.id).awaited_height is None, "the video comes first"
        for height in (720, None):
            queue.write(job.id, min_height=height)
            await waits_there(stand, queue, job, draft=replace(draft, min_height=height))
            assert stand.backend.office.read("own-1").min_height == height


async def test_while_the_server_waits_for_a_rendition_the_job_says_which(stand: Stand) -> None:
    stand.backend.office.best_height = 360
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, min_height=720))
        await stand.until(lambda: job_of(queue, job.id).awaited_height == 720)
        assert stand.backend.office.published == []
        stand.backend.office.best_height = 720
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert [post.min_height for post in stand.backend.office.published] == [720]


# A set time


async def test_at_its_time_the_server_posts_it(stand: Stand) -> None:
    at = stand.time.now + timedelta(days=2)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, publish_at=at))
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    [post] = stand.backend.office.published
    assert post.publish_at == at
    assert stand.time.now >= at
    assert stand.backend.posts == {}
    assert stand.backend.asked.count("own_post") < 700, "about every five minutes"


async def test_without_such_a_server_we_wait_for_the_time_ourselves(stand: Stand) -> None:
    stand.limits = None
    at = stand.time.now + timedelta(hours=2)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, publish_at=at))
        await queue.ended([job.id])
    assert stand.time.now >= at
    assert len(stand.backend.posts) == 1
    assert "hand_over" not in stand.backend.asked


async def test_a_time_that_is_taken_away_or_set_is_told(stand: Stand) -> None:
    at = stand.time.now + timedelta(days=1000)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, publish_at=at))
        await stand.until(lambda: job_of(queue, job.id).step is Step.POST and job_of(queue, job.id).entrusted)
        queue.write(job.id, publish_at=None)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert len(stand.backend.office.published) == 1


async def test_the_word_given_when_it_is_ready_posts_it_at_once(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello"))
        await queue.idle()
        assert job_of(queue, job.id).step is Step.POST
        queue.approve(job.id, True)
        await queue.ended([job.id])
    assert len(stand.backend.posts) == 1


async def test_a_not_published_post_says_why_in_the_servers_words(stand: Stand) -> None:
    at = stand.time.now + timedelta(days=1)
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello", "films", approved=True, publish_at=at))
        await waits_there(stand, queue, job)
        problem = VideoProblem(code="not_a_member", message="You are no longer a member", action="Choose another one.")
        stand.backend.office.update("own-1", state="not_published", problem=problem)
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert (trouble.code, trouble.title, trouble.hint) == (
            PostRefused.code, "You are no longer a member", "Choose another one.",
        )  # fmt: skip
        queue.write(job.id, community_id=None)
        await queue.ended([job.id])
        await stand.until(lambda: job_of(queue, job.id).status is Status.FINISHED)
    assert len(stand.backend.office.published) == 1


LATER = NOON + timedelta(days=9)


async def waits_for_its_time(stand: Stand, queue: Queue) -> Job:
    """A job whose post the server holds until later, and which looks after it."""
    job = await add(queue, stand.video(), draft=Draft("Hello", approved=True, publish_at=LATER))
    await stand.asked("own_post", 2)
    return job_of(queue, job.id)


async def test_what_is_changed_elsewhere_holds_here_too(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await waits_for_its_time(stand, queue)
        sooner = LATER - timedelta(days=1)
        stand.backend.office.update("own-1", content="From the other computer", publish_at=sooner)
        changed = Draft("From the other computer", approved=True, publish_at=sooner)
        await stand.until(lambda: job_of(queue, job.id).draft == changed)
        assert job_of(queue, job.id).entrusted, "and is not told back"
        stand.backend.office.update("own-1", state="draft")
        await stand.until(lambda: not job_of(queue, job.id).draft.approved)
        assert job_of(queue, job.id).in_step
    assert "change_post" not in stand.backend.asked


async def test_a_change_made_here_wins_over_one_made_elsewhere(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await waits_for_its_time(stand, queue)
        stand.backend.before["change_post"].append(ServerBusy())
        queue.write(job.id, text="Mine")
        stand.backend.office.update("own-1", content="Theirs")
        await waits_there(stand, queue, job, draft=replace(job.draft, text="Mine"))
        assert stand.backend.office.posts["own-1"].content == "Mine"


@pytest.mark.parametrize("run", [True, False], ids=["at work", "at rest"])
async def test_a_job_hears_what_was_done_here_to_its_post(stand: Stand, run: bool) -> None:
    async with stand.queue() as queue:
        job = await waits_for_its_time(stand, queue)
    async with stand.queue(run=run) as queue:
        stand.backend.office.update("own-1", content="Edited")
        queue.heard("own-1", stand.backend.office.read("own-1"))
        assert job_of(queue, job.id).draft == replace(job.draft, text="Edited")
        assert job_of(queue, job.id).entrusted
        queue.heard("another post", None)
        assert job_of(queue, job.id).entrusted
        stand.backend.office.cancel("own-1")
        queue.heard("own-1", None)
        if run:
            await queue.idle()
        left = job_of(queue, job.id)
    assert (left.status, left.handover, left.trouble) == (Status.WAITING, None, None)
    assert not left.draft.approved, "nobody posts it any more, unless a person says so"
    assert stand.backend.office.published == []


async def test_a_change_that_is_not_told_yet_is_kept_when_another_one_is_heard_of(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await waits_for_its_time(stand, queue)
    async with stand.queue(run=False) as queue:
        queue.write(job.id, text="Mine")
        stand.backend.office.update("own-1", content="Theirs")
        queue.heard("own-1", stand.backend.office.read("own-1"))
        assert job_of(queue, job.id).draft.text == "Mine"
        assert not job_of(queue, job.id).in_step
    async with stand.queue() as queue:
        await waits_there(stand, queue, job, draft=replace(job.draft, text="Mine"))
    assert stand.backend.office.posts["own-1"].content == "Mine"


async def test_what_the_server_could_not_post_is_followed_again_once_it_was_mended(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await waits_for_its_time(stand, queue)
        why = VideoProblem(code="not_a_member", message="You are no longer a member", action="Choose another one.")
        stand.backend.office.update("own-1", state="not_published", problem=why)
        await stand.until(lambda: job_of(queue, job.id).status is Status.FAILED)
        stand.backend.office.update("own-1", state="waiting", problem=None)
        queue.heard("own-1", stand.backend.office.read("own-1"))
        stand.backend.office.update("own-1", publish_at=None)
        await queue.ended([job.id])
        assert job_of(queue, job.id).post_id == "own-1"
