"""What becomes true although nobody says it and nobody asks: the jobs that follow videos and end uploads."""

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.backend.asking import eventually, new_video, status_of
from tests.backend.providers.elsewhere import ENVIRON, Elsewhere, arrive, asked, finish, state_of
from tests.backend.server import serving, signed_in
from uploader.backend import abandoned, following
from uploader.backend.providers import MakeProvider
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.store.models import JobRow, Video, VideoUpload, now

ONLY_CLOUDFLARE = pytest.mark.parametrize("chosen", ["cloudflare"], indirect=True)
ONLY_MUX = pytest.mark.parametrize("chosen", ["mux"], indirect=True)


def looked(place: Elsewhere) -> timedelta:
    """How long nobody will look now."""
    with place.backend.database.read() as session:
        [video] = session.scalars(select(Video))
    assert video.looked_at is not None
    assert video.look_after is not None
    return video.look_after - video.looked_at


def test_a_video_becomes_ready_when_no_webhook_comes_and_nobody_asks(place: Elsewhere):
    video_id = new_video(place.person)
    for happens, state in ((arrive, "processing"), (finish, "ready")):
        happens(place, place.upload_of(video_id))
        place.let_time_pass()
        place.follow()
        assert state_of(place, video_id) == state


def test_whoever_looks_nobody_looks_again_within_ten_seconds(place: Elsewhere):
    video_id = new_video(place.person)
    before = asked(place)
    place.stop_time()
    place.follow()
    assert asked(place) == before, "bytes need some time"
    place.let_time_pass(timedelta(minutes=6))
    place.follow()
    place.stop_time()
    for _ in range(2):
        place.follow()
        status_of(place.person, video_id)
    assert asked(place) == before + 1
    place.let_time_pass(timedelta(minutes=6))
    status_of(place.person, video_id)
    place.stop_time()
    place.follow()
    assert asked(place) == before + 2


def test_the_longer_nothing_moves_the_more_rarely_it_is_looked_for(place: Elsewhere):
    video_id = new_video(place.person)
    intervals = []
    for _ in range(19):
        place.let_time_pass(following.LONGEST)
        place.follow()
        intervals.append(looked(place))
    assert intervals[0] == timedelta(seconds=10)
    assert all(one < other <= one * following.GROWTH for one, other in pairwise(intervals) if other < following.LONGEST)
    assert intervals[-1] == following.LONGEST
    before = asked(place)
    place.let_time_pass(following.LONGEST - timedelta(minutes=2))
    place.follow()
    assert asked(place) == before
    arrive(place, place.upload_of(video_id))
    assert status_of(place.person, video_id)["status"] == "processing", "who asks is told at once"
    place.let_time_pass()
    place.follow()
    assert looked(place) == timedelta(seconds=10), "and it begins anew once it has moved on"


def test_the_job_comes_soon_while_there_is_something_to_follow(place: Elsewhere):
    _, at_most = place.follow()
    assert at_most >= following.IDLE
    new_video(place.person)
    at_least, at_most = place.follow()
    assert at_least <= following.BUSY <= at_most


@ONLY_CLOUDFLARE
@pytest.mark.parametrize("listed", [True, False])
def test_many_videos_are_asked_about_in_one_call_and_those_it_is_silent_about_by_themselves(
    listed: bool, place: Elsewhere
):
    place.cloudflare.lists_pending = listed
    ids = [new_video(place.person) for _ in range(6)]
    for video_id in ids[:4]:
        finish(place, place.upload_of(video_id))
    place.let_time_pass()
    place.cloudflare.asked.clear()
    place.follow()
    assert [state_of(place, video_id) for video_id in ids] == ["ready"] * 4 + ["uploading"] * 2
    [asked] = place.cloudflare.asked
    assert (asked.method, asked.path.rpartition("/")[2], asked.query.count("%2C")) == ("GET", "stream", 5)
    place.let_time_pass()
    place.follow()
    assert len(place.cloudflare.asked) == (2 if listed else 3)


@ONLY_CLOUDFLARE
@pytest.mark.loud
def test_one_video_that_makes_no_sense_keeps_no_other_from_being_finished(place: Elsewhere):
    ids = [new_video(place.person) for _ in range(3)]
    for video_id in ids:
        finish(place, place.upload_of(video_id))
    shown = [place.cloudflare.shown(place.upload_of(video_id)) for video_id in ids]
    spoilt = [*shown[:2], shown[2] | {"duration": "long"}]
    place.cloudflare.refusals.append((200, {}, json.dumps({"success": True, "result": spoilt}).encode()))
    place.let_time_pass()
    place.follow()
    assert {state_of(place, video_id) for video_id in ids} == {"uploading"}
    place.let_time_pass()
    place.cloudflare.refusals.append((200, {}, json.dumps({"success": True, "result": spoilt[2]}).encode()))
    place.follow()
    assert sorted(state_of(place, video_id) for video_id in ids) == ["ready", "ready", "uploading"]


@pytest.mark.loud
def test_a_provider_that_is_busy_is_left_alone_for_as_long_as_it_says(place: Elsewhere, chosen: str):
    for _ in range(3):
        new_video(place.person)
    place.let_time_pass()
    before = asked(place)
    for fake in (place.cloudflare, place.mux):
        fake.refusals.append((429, {"Retry-After": "120"}, b"{}"))
    _, at_most = place.follow()
    assert at_most >= timedelta(seconds=120)
    assert asked(place) == before + 1
    for fake in (place.cloudflare, place.mux):
        fake.refusals.clear()
    place.let_time_pass()
    at_least, _ = place.follow()
    assert at_least <= following.BUSY


def test_an_upload_that_nobody_finished_or_renewed_ends_by_itself_and_is_freed(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    with place.backend.database.write() as session:
        session.execute(update(VideoUpload).values(expires_at=now() - timedelta(hours=25)))
    place.let_time_pass()
    place.follow()
    eventually(lambda: not place.holds(upload_id))
    problem = status_of(place.person, video_id)["error"]
    assert problem == {
        "code": "upload_expired",
        "message": "The upload was not finished in time",
        "action": "Upload the file again.",
    }


@ONLY_MUX
def test_a_video_that_is_too_long_is_freed_because_mux_would_keep_it(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    place.mux.uploads[upload_id].duration = 3700
    place.let_time_pass()
    place.follow()
    assert status_of(place.person, video_id)["error"]["code"] == "video_too_long"
    eventually(lambda: not place.holds(upload_id))


@pytest.mark.loud
@pytest.mark.parametrize("status", [503, 403])
def test_a_deletion_that_the_provider_did_not_do_is_asked_for_until_it_has(status: int, place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    for fake in (place.cloudflare, place.mux):
        fake.refusals.append((status, {"Retry-After": "60"}, b"{}"))
    assert place.person.api.delete(f"/api/videos/{video_id}").status_code == 204

    def put_off() -> bool:
        with place.backend.database.read() as session:
            [job] = session.scalars(select(JobRow).where(JobRow.kind == "forget"))
        return job.lease_until is None and job.attempts == 0 and job.run_at > now() + timedelta(seconds=30)

    eventually(put_off, within=60)
    assert place.holds(upload_id)
    with place.backend.database.write() as session:
        session.execute(update(JobRow).where(JobRow.kind == "forget").values(run_at=now()))
    eventually(lambda: not place.holds(upload_id), within=60)


def test_a_video_is_followed_at_its_own_provider_when_another_is_chosen(
    place: Elsewhere, chosen: str, there: dict[str, MakeProvider], tmp_path: Path
):
    video_id = new_video(place.person)
    finish(place, place.upload_of(video_id))
    other = "mux" if chosen == "cloudflare" else "cloudflare"
    elsewhere = tmp_path / "another server"
    with (
        serving(elsewhere, there, VIDEO_PROVIDER=other, **ENVIRON) as backend,
        signed_in(backend) as person,
    ):
        moved = Elsewhere(backend, person, place.cloudflare, place.mux)
        moved.hold_still()
        with place.backend.database.read() as session:
            video = session.get_one(Video, video_id)
            upload = session.get_one(VideoUpload, video_id)
            session.expunge_all()
        with backend.database.write() as session:
            video.user_id = upload.user_id = person.user.id
            session.merge(video)
            session.flush()
            session.merge(upload)
        moved.let_time_pass()
        moved.follow()
        assert state_of(moved, video_id) == "ready"
        with backend.database.read() as session:
            assert session.get_one(Video, video_id).provider == chosen


def test_uploads_of_which_nobody_will_ever_tell_end_after_a_day(tmp_path: Path):
    with serving(tmp_path, {"local": LocalProvider}) as backend, signed_in(backend) as person:
        young, never_granted, given_up = (new_video(person) for _ in range(3))
        a_day_ago = now() - timedelta(hours=25)
        with backend.database.write() as session:
            lost = session.get_one(VideoUpload, never_granted)
            lost.expires_at = None
            session.get_one(Video, never_granted).created_at = a_day_ago
            session.get_one(Video, given_up).provider = "cloudflare"
            session.get_one(VideoUpload, given_up).expires_at = a_day_ago
            session.execute(update(JobRow).where(JobRow.kind == abandoned.KIND).values(run_at=now()))
        eventually(lambda: status_of(person, given_up)["status"] == "error", within=60)
        assert [status_of(person, one)["status"] for one in (young, never_granted)] == ["uploading", "error"]
        with backend.database.read() as session:
            jobs = session.scalars(select(JobRow).where(JobRow.kind == "forget")).all()
        [freed] = [job for job in jobs if job.payload["provider"] == "cloudflare"]
        assert freed.done_at is None, "it is done when the provider is configured again"


def test_status_says_stage_percent_and_at_the_end_a_reason_with_an_action(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    arrive(place, upload_id)
    place.let_time_pass()
    shown = status_of(place.person, video_id)
    assert (shown["status"], shown["stage"], shown["percent"]) == ("processing", "queued", None)
    if upload_id in place.mux.uploads:
        place.mux.uploads[upload_id].progress = ("transcoding", 39)
    else:
        place.cloudflare.move(upload_id, "inprogress", "39.000000")
    for _ in range(2):
        place.let_time_pass()
        shown = status_of(place.person, video_id)
        assert (shown["status"], shown["stage"], shown["percent"]) == ("processing", "transcoding", 39)
    with place.backend.database.read() as session:
        assert session.get_one(Video, video_id).version == 2, "what was known already is no news"
    if upload_id in place.mux.uploads:
        place.mux.uploads[upload_id].asset, place.mux.uploads[upload_id].message = "errored", "No sound, no picture."
    else:
        place.cloudflare.move(upload_id, "error", code="ERR_UNKNOWN", text="No sound, no picture.")
    place.let_time_pass()
    assert status_of(place.person, video_id)["error"] == {
        "code": "processing_failed",
        "message": "No sound, no picture.",
        "action": "The file arrived whole. Check that it plays here, then upload it again.",
    }
