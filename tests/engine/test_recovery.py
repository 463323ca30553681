"""What the queue does about each kind of trouble."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.stand import DEADLINE, Stand, add, job_of
from uploader.engine.carry import GIVEN_UP, LOOK
from uploader.engine.job import Draft, Status, Step
from uploader.engine.runs import GRACE
from uploader.errors import (
    CaptivePortal,
    DiskFull,
    FileUnreadable,
    Interrupted,
    KeyringLocked,
    NotAServer,
    NotAVideo,
    Offline,
    PostRefused,
    ProxyRefused,
    ReelferryError,
    Refused,
    ServerBusy,
    SignInNeeded,
    Stalled,
    StillProcessing,
    Transient,
    Untrusted,
    UploadExpired,
    UploadForgotten,
    VideoGone,
)
from uploader.wire import ServerConfig, Ticket, VideoProblem

pytestmark = pytest.mark.anyio

STEPS = {"ticket": Step.PREPARE, "transfer": Step.TRANSFER, "status": Step.PROCESS, "post": Step.POST}
TRANSIENT = [Offline, Stalled, ServerBusy, DiskFull, CaptivePortal, Untrusted, StillProcessing]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


@pytest.mark.parametrize(
    ("name", "when", "kind"),
    [
        *((name, when, Interrupted) for name in STEPS for when in ("before", "after")),
        *(("transfer", "before", kind) for kind in TRANSIENT),
    ],
)
async def test_transient_trouble_at_any_step_is_waited_out(
    stand: Stand, name: str, when: str, kind: type[Transient]
) -> None:
    queue_of_errors = getattr(stand.backend, when)[name]
    queue_of_errors.extend([kind(), kind(), kind()])
    path = stand.video()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    troubles = [(j.step, j.status, j.trouble.code) for j in stand.snapshots(job.id) if j.trouble]
    assert set(troubles) == {(STEPS[name], Status.WAITING, kind.code)}
    assert list(stand.backend.videos) == ["video-1"]
    assert bytes(stand.backend.videos["video-1"].held) == path.read_bytes()
    assert len(stand.backend.posts) == 1


async def test_a_trouble_says_when_it_tries_again(stand: Stand) -> None:
    stand.time.flows = False
    stand.backend.before["ticket"].extend([ServerBusy(), ServerBusy(retry_after=90)])
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        for seconds in (1, 90):
            await stand.until(lambda: job_of(queue, job.id).trouble is not None)
            trouble = job_of(queue, job.id).trouble
            assert trouble is not None
            assert trouble.retry_at == stand.time.now + timedelta(seconds=seconds)
            await stand.passes(lambda: stand.time.sleeping == 1)
            stand.time.advance(seconds)
            await stand.until(lambda: job_of(queue, job.id).trouble is None)


async def test_only_confirmed_progress_resets_the_back_off(stand: Stand) -> None:
    stand.backend.before["ticket"].extend([Offline()] * 3)
    stand.backend.after["transfer"].extend([Interrupted()])
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
    assert stand.time.waits[:4] == [1, 2, 4, 1]


async def test_bytes_that_only_left_do_not_reset_the_back_off(stand: Stand) -> None:
    async with stand.queue() as queue:
        stand.backend.before["transfer"].extend([Interrupted()] * 4)
        job = await add(queue, stand.video())
        await queue.ended([job.id])
    assert stand.time.waits[:4] == [1, 2, 4, 8]


async def test_a_waiting_job_tries_at_once_when_the_network_is_back(stand: Stand) -> None:
    stand.time.flows = False
    stand.backend.before["transfer"].append(Offline())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        queue.retry_now()
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)


async def test_a_computer_that_slept_tries_when_it_had_said_and_does_not_begin_to_count_again(stand: Stand) -> None:
    """The clock that counts seconds stands still while it sleeps; the one on the wall does not."""
    stand.time.flows = False
    stand.backend.before["transfer"].append(ServerBusy(retry_after=3600))
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        await stand.passes(lambda: stand.time.sleeping == 1)
        stand.time.sleep(3600)
        stand.time.advance(LOOK)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)


async def test_a_clock_that_is_put_back_makes_no_wait_longer(stand: Stand) -> None:
    stand.time.flows = False
    stand.backend.before["transfer"].append(ServerBusy(retry_after=3 * LOOK))
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        stand.time.sleep(-7200)
        for _ in range(3):
            await stand.passes(lambda: stand.time.sleeping == 1)
            assert job_of(queue, job.id).trouble is not None
            stand.time.advance(LOOK)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)


async def test_what_was_being_sent_over_a_network_that_is_gone_begins_on_a_new_line(stand: Stand) -> None:
    dead = stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        stand.backend.gates.clear()
        queue.network_changed()
        await queue.ended([job.id])
        assert not dead.is_set(), "it did not wait for the old one"
        assert job_of(queue, job.id).status is Status.FINISHED
    assert {snapshot.trouble for snapshot in stand.snapshots(job.id)} == {None}


async def test_a_line_that_outlives_a_change_of_network_is_left_alone(stand: Stand) -> None:
    stand.time.flows = False
    gate = stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video(size=5000))
        await stand.asked("transfer")
        queue.network_changed()
        await stand.passes(lambda: stand.time.sleeping == 1)
        gate.set()
        await stand.passes(lambda: job_of(queue, job.id).confirmed > 0)
        gate.clear()
        stand.time.advance(GRACE)
        for _ in range(50):
            await asyncio.sleep(0)
        gate.set()
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
    assert (Step.TRANSFER, Status.WAITING) not in stand.path_of(job.id)


async def test_a_file_that_goes_in_one_is_not_begun_again_for_a_change_of_network(stand: Stand) -> None:
    stand.backend.protocol = "form"
    gate = stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        queue.network_changed()
        for _ in range(50):
            await asyncio.sleep(0)
        assert stand.backend.asked.count("transfer") == 1
        gate.set()
        await queue.ended([job.id])


async def test_a_person_can_retry_one_waiting_job(stand: Stand) -> None:
    stand.time.flows = False
    stand.backend.before["transfer"].append(Offline())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        queue.retry(job.id)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)


async def test_a_job_that_waits_for_the_line_keeps_its_slot(stand: Stand) -> None:
    stand.time.flows = False
    stand.backend.before["transfer"].append(Offline())
    async with stand.queue() as queue:
        first = await add(queue, stand.video("a.mp4"))
        second = await add(queue, stand.video("b.mp4"))
        await stand.until(lambda: job_of(queue, first.id).trouble is not None)
        assert job_of(queue, second.id).step is Step.PREPARE
        assert stand.backend.asked.count("ticket") == 1


@pytest.mark.parametrize("kind", [SignInNeeded, KeyringLocked])
@pytest.mark.parametrize("name", ["ticket", "status", "post"])
async def test_a_job_waits_for_a_sign_in_and_goes_on_by_itself(
    stand: Stand, name: str, kind: type[ReelferryError]
) -> None:
    stand.backend.before[name].append(kind())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.idle()
        waiting = job_of(queue, job.id)
        assert waiting.status is Status.WAITING
        assert waiting.trouble is not None
        assert (waiting.trouble.code, waiting.trouble.retry_at) == (kind.code, None)
        queue.retry_now()
        await queue.idle()
        assert job_of(queue, job.id).trouble is not None, "a network does not sign anybody in"
        queue.signed_in()
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_a_proxy_that_refuses_is_asked_once_for_all_until_something_changes(stand: Stand) -> None:
    stand.backend.before["ticket"].append(ProxyRefused())
    async with stand.queue() as queue:
        first, second = await add(queue, stand.video("a.mp4")), await add(queue, stand.video("b.mp4"))
        await queue.idle()
        assert stand.backend.asked.count("ticket") == 1
        waiting = job_of(queue, first.id)
        assert waiting.trouble is not None
        assert (waiting.trouble.code, waiting.trouble.retry_at) == ("proxy_refused", None)
        assert job_of(queue, second.id).trouble is None
        queue.retry_now()
        await queue.ended([first.id, second.id])
        assert {job.status for job in queue.jobs} == {Status.FINISHED}


async def test_while_nobody_is_signed_in_only_bytes_move(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        uploading = await add(queue, stand.video("a.mp4"), draft=Draft())
        await stand.until(lambda: job_of(queue, uploading.id).step is Step.TRANSFER)
        queue.pause(uploading.id)
        stand.backend.before["ticket"].append(SignInNeeded())
        stand.backend.gates["transfer"].set()
        waiting = await add(queue, stand.video("b.mp4"))
        later = await add(queue, stand.video("c.mp4"))
        await queue.idle()
        assert job_of(queue, waiting.id).trouble is not None
        asked = stand.backend.asked.count("ticket")
        queue.resume(uploading.id)
        await stand.until(lambda: job_of(queue, uploading.id).step is Step.PROCESS)
        await queue.idle()
        assert job_of(queue, later.id).step is Step.PREPARE
        assert stand.backend.asked.count("ticket") == asked
        queue.signed_in()
        await queue.ended([waiting.id, later.id])


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("ticket", Refused("no"), "refused"),
        ("ticket", NotAServer(), "not_a_server"),
        ("transfer", Refused("413"), "refused"),
        ("status", VideoGone(), "video_gone"),
        ("post", PostRefused(title="No such community"), "post_refused"),
        ("post", Refused("403"), "post_refused"),
    ],
)
async def test_a_definite_no_stops_the_job_with_words(
    stand: Stand, name: str, error: ReelferryError, code: str
) -> None:
    stand.backend.before[name].append(error)
    async with stand.queue() as queue:
        job = await add(queue, stand.video("a.mp4"))
        other = await add(queue, stand.video("b.mp4"))
        await queue.ended([job.id, other.id])
        failed = job_of(queue, job.id)
        assert (failed.step, failed.status) == (STEPS[name], Status.FAILED)
        assert failed.trouble is not None
        assert failed.trouble.code == code
        assert failed.trouble.title
        assert failed.trouble.hint
        assert job_of(queue, other.id).status is Status.FINISHED
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_what_is_not_a_video_is_refused_before_a_ticket_is_asked_for(stand: Stand) -> None:
    stand.media.probing.append(NotAVideo())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FAILED
    assert stand.backend.asked == []


async def test_a_video_without_a_picture_is_still_a_video(stand: Stand) -> None:
    stand.media.framing.append(FileUnreadable())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
        assert job_of(queue, job.id).thumbnail is None


@pytest.mark.loud
async def test_a_mistake_of_ours_fails_the_job_and_leaves_its_traceback(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    stand.media.probing.append(ZeroDivisionError())  # type: ignore[arg-type]
    async with stand.queue() as queue:
        job = await add(queue, stand.video("a.mp4"))
        other = await add(queue, stand.video("b.mp4"))
        await queue.ended([job.id, other.id])
        failed = job_of(queue, job.id)
        assert failed.status is Status.FAILED
        assert failed.trouble is not None
        assert failed.trouble.code == "unexpected"
        assert job_of(queue, other.id).status is Status.FINISHED
    assert "ZeroDivisionError" in caplog.text


async def test_the_servers_words_say_why_a_video_could_not_be_made(stand: Stand) -> None:
    stand.backend.problem = VideoProblem(
        code="no_picture", message="There is no picture in it", action="Export it again."
    )
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert (trouble.code, trouble.title, trouble.hint) == (
            "processing_failed",
            "There is no picture in it",
            "Export it again.",
        )
        stand.backend.problem = None
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
    assert list(stand.backend.videos) == ["video-2"]


# Starting over


async def test_a_forgotten_upload_starts_over_and_keeps_the_draft(stand: Stand) -> None:
    stand.backend.before["transfer"].append(UploadForgotten())
    path = stand.video()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await queue.ended([job.id])
        assert job_of(queue, job.id).attempt == 2
    assert bytes(stand.backend.videos["video-2"].held) == path.read_bytes()
    assert stand.backend.deleted == ["video-1"]
    assert [request.content for request, _ in stand.backend.posts.values()] == ["Hello"]


@pytest.mark.parametrize("state", ["processing", "ready"])
async def test_an_upload_that_is_gone_because_it_is_complete_is_not_repeated(stand: Stand, state: str) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        stand.backend.videos["video-1"].state = state
        stand.backend.before["transfer"].append(UploadForgotten())
        stand.backend.gates["transfer"].set()
        await queue.ended([job.id])
        done = job_of(queue, job.id)
        assert (done.status, done.attempt, done.confirmed) == (Status.FINISHED, 1, done.size)
    assert list(stand.backend.videos) == ["video-1"]


@pytest.mark.parametrize("state", ["cancelled", "gone"])
async def test_a_video_the_server_no_longer_wants_is_uploaded_again(stand: Stand, state: str) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        if state == "gone":
            del stand.backend.videos["video-1"]
        else:
            stand.backend.videos["video-1"].state = state
            stand.backend.before["transfer"].append(UploadForgotten())
        stand.backend.gates["transfer"].set()
        await queue.ended([job.id])
        assert job_of(queue, job.id).attempt == 2
        assert job_of(queue, job.id).status is Status.FINISHED


def moved(ticket: Ticket) -> Ticket:
    """Renewed at another address."""
    return ticket.model_copy(update={"upload_url": ticket.upload_url + "?renewed"})


def prolonged(ticket: Ticket) -> Ticket:
    """Renewed where it is."""
    return ticket.model_copy(update={"expires_at": ticket.expires_at + timedelta(days=7)})


@pytest.mark.parametrize("renewal", [moved, prolonged])
@pytest.mark.parametrize("trouble", [None, Offline, ServerBusy])
async def test_an_expired_address_is_renewed_and_the_video_stays_the_same(
    stand: Stand, renewal: Callable[[Ticket], Ticket], trouble: type[Transient] | None
) -> None:
    stand.backend.renewal = renewal
    stand.backend.before["transfer"].append(UploadExpired())
    if trouble is not None:
        stand.backend.before["renewed"].append(trouble())
        stand.backend.before["transfer"].append(UploadExpired())
    path = stand.video()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await queue.ended([job.id])
        done = job_of(queue, job.id)
        assert (done.status, done.attempt) == (Status.FINISHED, 1)
        first = stand.snapshots(job.id)[-1].ticket
        assert first is not None
        assert done.ticket == first
    assert bytes(stand.backend.videos["video-1"].held) == path.read_bytes()
    assert list(stand.backend.videos) == ["video-1"]
    assert stand.backend.deleted == []


async def test_what_had_arrived_counts_where_the_address_stays(stand: Stand) -> None:
    stand.backend.renewal = prolonged
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        stand.backend.videos["video-1"].held += job.path.read_bytes()[:1000]
        stand.backend.before["transfer"].append(UploadExpired())
        stand.backend.gates["transfer"].set()
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert bytes(stand.backend.videos["video-1"].held) == job.path.read_bytes()


async def test_an_address_that_cannot_be_renewed_is_given_up_for_a_new_upload(stand: Stand) -> None:
    stand.backend.before["transfer"].append(UploadExpired())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert (job_of(queue, job.id).status, job_of(queue, job.id).attempt) == (Status.FINISHED, 2)
    assert stand.backend.deleted == ["video-1"]


@pytest.mark.parametrize("renewal", [moved, prolonged])
async def test_addresses_that_expire_at_once_are_not_renewed_for_ever(
    stand: Stand, renewal: Callable[[Ticket], Ticket]
) -> None:
    stand.backend.renewal = renewal
    stand.backend.before["transfer"].extend([UploadExpired()] * 99)
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.status is Status.FAILED
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.trouble.hint) == ("upload_expired", GIVEN_UP)


async def test_an_upload_that_was_not_finished_in_time_starts_over_by_itself(stand: Stand) -> None:
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("transfer")
        stand.backend.videos["video-1"].state = "error"
        stand.backend.problem = VideoProblem(
            code="upload_expired", message="The upload was not finished in time.", action=""
        )
        stand.backend.before["transfer"].append(UploadForgotten())
        stand.backend.gates["transfer"].set()
        await stand.until(lambda: job_of(queue, job.id).attempt == 2)
        stand.backend.problem = None
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert stand.backend.deleted == ["video-1"]


async def test_trouble_while_asking_what_became_of_an_upload_is_waited_out(stand: Stand) -> None:
    stand.backend.before["transfer"].extend([UploadForgotten(), UploadForgotten()])
    stand.backend.before["status"].append(Offline())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).attempt == 2


async def test_a_server_that_forgets_every_upload_is_not_fed_for_ever(stand: Stand) -> None:
    stand.backend.before["transfer"].extend([UploadForgotten()] * 99)
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.status is Status.FAILED
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.trouble.hint) == ("upload_forgotten", GIVEN_UP)
        stand.backend.before["transfer"].clear()
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_a_server_that_lost_confirmed_bytes_gets_them_again_after_a_while(stand: Stand) -> None:
    stand.backend.gates["status"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("status")
        stand.backend.videos["video-1"].state = "uploading"
        stand.backend.gates["status"].set()
        await queue.ended([job.id])
        assert job_of(queue, job.id).attempt == 2
        assert job_of(queue, job.id).status is Status.FINISHED
    assert sum(stand.time.waits) > 600


# The file


async def test_a_file_that_vanishes_is_waited_for_while_others_go_on(stand: Stand) -> None:
    path = stand.video("a.mp4")
    content = path.read_bytes()
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, path)
        other = await add(queue, stand.video("b.mp4"))
        await stand.asked("transfer")
        away = path.rename(path.with_suffix(".away"))
        stand.backend.gates["transfer"].set()
        await queue.ended([other.id])
        await queue.idle()
        waiting = job_of(queue, job.id)
        assert waiting.trouble is not None
        assert (waiting.status, waiting.trouble.code) == (Status.WAITING, "file_missing")
        away.rename(path)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
        assert job_of(queue, job.id).attempt == 1
    assert bytes(stand.backend.videos["video-1"].held) == content


async def test_another_file_in_the_place_of_the_vanished_one_is_not_continued(stand: Stand) -> None:
    path = stand.video()
    content = path.read_bytes()
    aside = path.with_suffix(".aside")
    stand.backend.after["transfer"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        path.rename(aside)
        path.write_bytes(os.urandom(len(content)))
        queue.retry(job.id)
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.step, failed.trouble.code) == (Step.TRANSFER, "file_changed")
        aside.replace(path)
        queue.retry(job.id)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
    assert bytes(stand.backend.videos["video-1"].held) == content


@pytest.mark.parametrize("change", ["middle", "longer", "shorter", "replaced"])
async def test_a_file_that_changes_while_it_is_sent_is_never_spliced(stand: Stand, change: str) -> None:
    path = stand.video(size=5000)
    content = bytearray(path.read_bytes())
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.asked("transfer")
        if change == "middle":
            content[2500] ^= 1
        elif change == "longer":
            content += b"more"
        elif change == "shorter":
            del content[4000:]
        if change == "replaced":
            content = bytearray(os.urandom(5000))
            beside = stand.video("beside.mp4", 1)
            beside.write_bytes(content)
            beside.replace(path)
        else:
            path.write_bytes(content)
        stand.backend.gates["transfer"].set()
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.status, failed.trouble.code) == (Status.FAILED, "file_changed")
        queue.restart(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
        assert job_of(queue, job.id).size == len(content)
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
    assert [bytes(video.held) for video in stand.backend.videos.values()] == [content]
    assert len(stand.backend.posts) == 1


async def test_an_edit_in_the_middle_between_two_tries_is_never_spliced(stand: Stand) -> None:
    path = stand.video(size=3 * 1024 * 1024)
    content = bytearray(path.read_bytes())
    stand.backend.after["transfer"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        queue.retry(job.id)
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.step, failed.trouble.code) == (Step.TRANSFER, "file_changed")
        queue.restart(job.id)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
    assert bytes(stand.backend.videos["video-2"].held) == content


async def test_a_file_that_goes_away_after_its_last_byte_is_not_missed(stand: Stand) -> None:
    path = stand.video()
    stand.backend.gates["status"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.asked("status")
        path.unlink()
        stand.backend.gates["status"].set()
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_a_file_that_is_still_being_written_waits_without_a_slot(stand: Stand) -> None:
    stand.time.flows = False
    path = stand.video("a.mp4")
    with path.open("ab") as writer:
        async with stand.queue() as queue:
            job = await add(queue, path)
            other = await add(queue, stand.video("b.mp4"))
            await stand.until(lambda: job_of(queue, other.id).step is Step.PROCESS)
            trouble = job_of(queue, job.id).trouble
            assert trouble is not None
            assert trouble.code == "file_growing"
            writer.write(os.urandom(500))
            writer.close()
            queue.retry(job.id)
            await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
            assert job_of(queue, job.id).size == 4000
    assert bytes(stand.backend.videos["video-2"].held) == path.read_bytes()


async def test_a_file_that_changed_between_two_requests_for_a_ticket_gets_another_one(stand: Stand) -> None:
    path = stand.video(size=3000)
    stand.time.flows = False
    stand.backend.after["ticket"].append(Interrupted())
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
        path.write_bytes(os.urandom(4000))
        os.utime(path, (1, 1))
        queue.retry(job.id)
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
        assert job_of(queue, job.id).attempt == 2
    assert bytes(stand.backend.videos["video-2"].held) == path.read_bytes()


async def test_a_folder_in_the_place_of_a_file_that_was_waited_for_stops_the_job(stand: Stand) -> None:
    path = stand.video()
    async with stand.queue(run=False) as queue:
        job = await add(queue, path)
        path.unlink()
        queue.start()
        await queue.idle()
        path.mkdir()
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert trouble.code == "not_a_file"


async def test_a_file_that_was_emptied_before_its_turn_is_refused(stand: Stand) -> None:
    path = stand.video()
    async with stand.queue(run=False) as queue:
        job = await add(queue, path)
        path.write_bytes(b"")
        queue.start()
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert trouble.code == "file_empty"


async def test_a_file_that_changes_while_it_is_looked_into_is_looked_into_again(stand: Stand) -> None:
    path = stand.video(size=3000)
    stand.media.while_probing = lambda: path.write_bytes(os.urandom(4000))
    async with stand.queue() as queue:
        job = await add(queue, path)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert "file_growing" in {j.trouble.code for j in stand.snapshots(job.id) if j.trouble}
    assert [bytes(video.held) for video in stand.backend.videos.values()] == [path.read_bytes()]


async def test_restart_while_bytes_move_begins_anew(stand: Stand) -> None:
    path = stand.video()
    stand.backend.gates["transfer"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, path)
        await stand.asked("transfer")
        queue.restart(job.id)
        stand.backend.gates["transfer"].set()
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
        await stand.passes(lambda: stand.backend.deleted == ["video-1"])
    assert bytes(stand.backend.videos["video-2"].held) == path.read_bytes()


# Posting


async def test_a_lost_reply_to_the_post_publishes_once(stand: Stand) -> None:
    stand.backend.after["post"].extend([Interrupted(), Stalled(), ServerBusy()])
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).post_id == "post-1"
    assert len(stand.backend.posts) == 1


async def test_a_program_that_ends_while_it_posts_asks_again_with_the_same_text_and_key(stand: Stand) -> None:
    stand.backend.after["post"].append(Interrupted())
    stand.time.flows = False
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).step is Step.PROCESS)
        await stand.passes(lambda: stand.time.sleeping == 1)
        stand.time.advance(60)
        await stand.until(lambda: job_of(queue, job.id).trouble is not None)
    stand.time.flows = True
    async with stand.queue() as queue:
        assert job_of(queue, job.id).sealed
        with pytest.raises(ValueError, match="out"):
            queue.write(job.id, text="changed")
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert len(stand.backend.posts) == 1


async def test_the_seal_is_on_disk_before_the_post_leaves(stand: Stand) -> None:
    stand.backend.gates["post"] = asyncio.Event()
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.asked("post")
        twin = Stand(stand.folder)
        async with twin.queue(run=False) as other:
            assert job_of(other, job.id).sealed
        stand.backend.gates["post"].set()
        await queue.ended([job.id])


async def test_no_post_leaves_while_the_seal_cannot_be_written(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("Hello"))
        await queue.idle()
        with closing(sqlite3.connect(stand.folder / "queue.sqlite3", timeout=DEADLINE)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            queue.approve(job.id, True)
            await stand.passes(lambda: job_of(queue, job.id).sealed)
            for _ in range(50):
                await asyncio.sleep(0)
            assert "post" not in stand.backend.asked
            somebody.rollback()
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED


async def test_a_refused_post_can_be_edited_and_sent_again(stand: Stand) -> None:
    stand.backend.before["post"].append(PostRefused(title="No such community"))
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("text", "gone", approved=True))
        await queue.ended([job.id])
        assert not job_of(queue, job.id).sealed
        queue.write(job.id, community_id=None)
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    [(request, _)] = stand.backend.posts.values()
    assert request.community_id is None


async def test_an_unclear_answer_does_not_lift_the_seal(stand: Stand) -> None:
    stand.backend.before["post"].append(NotAServer())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
        assert job_of(queue, job.id).sealed
        assert job_of(queue, job.id).status is Status.FAILED


async def test_a_video_whose_post_may_be_out_is_not_deleted_with_its_job(stand: Stand) -> None:
    stand.backend.after["post"].append(Interrupted())
    stand.backend.before["post"].append(Interrupted())
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await stand.until(lambda: job_of(queue, job.id).sealed)
        queue.remove(job.id)
        for _ in range(50):
            await asyncio.sleep(0)
    assert stand.backend.deleted == []


async def test_a_text_that_is_too_long_is_refused_before_it_is_sealed(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft("x" * 5001, approved=True))
        await queue.ended([job.id])
        failed = job_of(queue, job.id)
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.sealed) == ("post_refused", False)
        assert "long" in failed.trouble.title
        queue.write(job.id, text="x" * 5000)
        queue.retry(job.id)
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert stand.backend.asked.count("post") == 1


async def test_a_post_whose_reply_was_learnt_is_not_asked_for_again(stand: Stand) -> None:
    async with stand.queue() as queue:
        job = await add(queue, stand.video(), draft=Draft())
        await queue.idle()
        queue._ledger.put(replace(job_of(queue, job.id), sealed=True, post_id="post-7"))
    async with stand.queue() as queue:
        await queue.ended([job.id])
        assert job_of(queue, job.id).status is Status.FINISHED
    assert "post" not in stand.backend.asked


# The server's work


async def test_the_server_is_asked_ever_more_rarely_and_at_once_again_when_it_moves(stand: Stand) -> None:
    stand.backend.polls = 12
    async with stand.queue() as queue:
        job = await add(queue, stand.video())
        await queue.ended([job.id])
    assert stand.time.waits[:10] == [2] * 10
    percents = [j.processing.percent or 0 for j in stand.snapshots(job.id) if j.processing]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert stand.time.waits[10:] == [3, 4.5]


@pytest.mark.parametrize(
    ("limits", "code"), [({"max_bytes": 3000}, "file_too_large"), ({"max_duration_seconds": 12}, "video_too_long")]
)
async def test_limits_that_were_learnt_later_are_kept_to(stand: Stand, limits: dict[str, int], code: str) -> None:
    async with stand.queue(run=False) as queue:
        job = await add(queue, stand.video(size=3500))
        given = {"max_bytes": 10**9, "max_duration_seconds": 3600, **limits}
        stand.limits = ServerConfig.model_validate(
            {"version": "1", "accepted_types": ["video/*"], "protocols": ["tus"], **given}
        )
        queue.start()
        await queue.ended([job.id])
        trouble = job_of(queue, job.id).trouble
        assert trouble is not None
        assert trouble.code == code
    assert "ticket" not in stand.backend.asked
