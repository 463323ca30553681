"""The whole server before fake providers: tickets, statuses, webhooks and deletions over HTTP."""

import json
import random
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tests.backend.asking import ask_post, ask_upload, eventually, new_video, ready_event, refused, status_of, tell
from tests.backend.providers.contract import SECRET
from tests.backend.providers.elsewhere import Elsewhere, asked, finish, tell_ready
from tests.fakes.mux_api import signed
from uploader.backend.context import Backend
from uploader.backend.store.models import JobRow, Video, VideoUpload, WebhookEvent, now
from uploader.wire import Ticket


def test_the_ticket_names_the_providers_address_and_protocol(place: Elsewhere, chosen: str):
    ticket = Ticket.model_validate(ask_upload(place.person).json())
    assert (ticket.provider, ticket.protocol) == (chosen, {"cloudflare": "tus", "mux": "content_range"}[chosen])
    assert not ticket.upload_url.startswith(place.backend.base_url)
    offers = place.person.api.get("/api/config").json()
    assert offers["protocols"] == [ticket.protocol]
    assert bool(offers["minHeights"]) == (chosen == "cloudflare"), "the other has nothing to wait for"


def test_asking_again_with_the_same_key_gives_the_same_upload(place: Elsewhere):
    first, second = (ask_upload(place.person, "key").json() for _ in range(2))
    assert first == second
    assert asked(place) == 1


def test_a_ticket_that_is_over_is_renewed_and_the_old_upload_freed(place: Elsewhere):
    first = ask_upload(place.person, "key").json()
    old = place.upload_of(first["videoId"])
    with place.backend.database.write() as session:
        session.execute(update(VideoUpload).values(expires_at=now()))
    second = ask_upload(place.person, "key").json()
    assert (second["videoId"], second["uploadUrl"] == first["uploadUrl"]) == (first["videoId"], False)
    assert place.upload_of(first["videoId"]) != old
    if old in place.mux.uploads:
        eventually(lambda: place.mux.uploads[old].status == "cancelled")
        place.tell_mux("video.upload.cancelled", old)
    else:
        eventually(lambda: old not in place.cloudflare.videos)
    assert status_of(place.person, first["videoId"])["status"] == "uploading", "news of the old one mean nothing"


def test_whether_more_renditions_come_is_one_call_to_the_provider(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    assert tell_ready(place, upload_id).status_code == 200
    with place.backend.database.write() as session:
        video = session.get_one(Video, video_id)
        video.complete, video.best_height = False, 360
    before = asked(place)
    post = ask_post(place.person, videoId=video_id, publish="when_ready", minHeight=1080).json()
    assert post["waitsFor"] == "rendition"
    eventually(lambda: place.person.api.get(f"/api/posts/{post['id']}").json()["state"] == "published", within=60)
    assert asked(place) - before == 1


@pytest.mark.parametrize("chosen", ["cloudflare"], indirect=True)
def test_however_many_posts_wait_for_renditions_of_a_video_it_is_asked_about_once(place: Elsewhere):
    place.backend.provider.look_every = 3600  # slow as this machine may be, it is one moment
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    place.cloudflare.move(upload_id, "ready", "39.000000")
    assert tell_ready(place, upload_id).status_code == 200
    before = asked(place)
    posts = [
        ask_post(place.person, videoId=video_id, publish="when_ready", minHeight=height).json()["id"]
        for height in (480, 720, 1080)
    ]

    posted = now()

    def put_off() -> bool:
        with place.backend.database.read() as session:
            jobs = session.scalars(select(JobRow).where(JobRow.kind == "publish")).all()
            return all(job.lease_until is None and job.run_at > posted for job in jobs)

    eventually(put_off)
    assert asked(place) == before + 1
    place.cloudflare.move(upload_id, "ready", "100.000000")
    place.let_time_pass(timedelta(hours=2))

    def published() -> bool:
        with place.backend.database.write() as session:
            waiting = (JobRow.kind == "publish", JobRow.lease_until.is_(None))
            session.execute(update(JobRow).where(*waiting).values(run_at=now()))
        return all(place.person.api.get(f"/api/posts/{post}").json()["state"] == "published" for post in posts)

    eventually(published)
    assert asked(place) == before + 2


def test_status_follows_a_video_to_the_end_when_no_webhook_ever_comes(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    assert status_of(place.person, video_id)["status"] == "uploading"
    place.stop_time()
    finish(place, upload_id)
    assert status_of(place.person, video_id)["status"] == "uploading", "asked just now"
    place.let_time_pass(timedelta(minutes=6))
    shown = status_of(place.person, video_id)
    assert shown["status"] == "ready"
    assert shown["playbackUrl"].endswith(".m3u8")
    assert shown["duration"] in {6, 24}
    before = asked(place)
    place.let_time_pass()
    assert status_of(place.person, video_id) == shown
    assert asked(place) == before, "nobody asks about what is final"
    assert ask_post(place.person, videoId=video_id).json()["media"]["url"] == shown["playbackUrl"]


def test_of_many_who_ask_at_once_one_look_is_taken(place: Elsewhere):
    video_id = new_video(place.person)
    place.backend.provider.look_every = 3600  # slow as this machine may be, it is one moment
    before = asked(place)
    threads = [threading.Thread(target=status_of, args=(place.person, video_id)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked(place) == before + 1


@pytest.mark.loud
def test_a_provider_that_does_not_answer_leaves_the_status_as_it_was(place: Elsewhere):
    video_id = new_video(place.person)
    for fake in (place.cloudflare, place.mux):
        fake.refusals.extend([(500, {}, b"")] * 3)
    assert status_of(place.person, video_id)["status"] == "uploading"


@pytest.mark.loud
def test_a_provider_that_is_busy_is_a_503_with_a_wait_and_leaves_nothing_behind(
    place: Elsewhere, caplog: pytest.LogCaptureFixture
):
    for fake in (place.cloudflare, place.mux):
        fake.refusals.append((429, {"Retry-After": "77"}, b'{"errors":[{"code":10011,"message":"Quota"}]}'))
    reply = ask_upload(place.person)
    assert refused(reply) == (503, "provider_failed")
    assert reply.headers["retry-after"] == "77"
    assert "answered 429" in caplog.text, "the operator reads why"
    with place.backend.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Video)) == 0


@pytest.mark.loud
def test_a_provider_that_refuses_is_a_502(place: Elsewhere):
    for fake in (place.cloudflare, place.mux):
        fake.refusals.append((401, {}, b"{}"))
    assert refused(ask_upload(place.person)) == (502, "provider_failed")


def test_a_webhook_makes_the_video_ready_once(place: Elsewhere, chosen: str):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    assert [tell_ready(place, upload_id).status_code for _ in range(3)] == [200, 200, 200]
    assert status_of(place.person, video_id)["status"] == "ready"
    with place.backend.database.read() as session:
        [event] = session.scalars(select(WebhookEvent))
        assert event.provider == chosen
        assert session.get_one(Video, video_id).version == 1
        assert bool(session.get_one(Video, video_id).provider_asset_id) == (chosen == "mux")


def test_each_verifier_speaks_for_its_own_videos_only(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    assert tell(place.backend, ready_event(video_id)).status_code == 200, "signed as the seed says, and not its video"
    finish(place, upload_id)
    with place.backend.database.write() as session:
        session.execute(update(Video).values(provider="local"))
    assert tell_ready(place, upload_id).status_code == 200
    with place.backend.database.read() as session:
        assert session.get_one(Video, video_id).status == "uploading"


def test_a_forged_webhook_is_refused_and_an_unknown_video_acknowledged(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    body = json.dumps({"uid": upload_id}).encode()
    for headers in ({}, {"Webhook-Signature": "time=1,sig1=00"}, {"Mux-Signature": "t=1,v1=00"}):
        assert refused(place.hear(headers, body)) == (401, "invalid_signature")
    assert status_of(place.person, video_id)["status"] != "error"
    with place.backend.database.write() as session:
        session.execute(update(Video).values(provider_upload_id="another", provider_asset_id=None))
        session.execute(update(VideoUpload).values(expires_at=now()))
    assert tell_ready(place, upload_id).status_code == 200
    with place.backend.database.read() as session:
        assert session.get_one(Video, video_id).provider_upload_id == "another"


@pytest.mark.parametrize("chosen", ["mux"], indirect=True)
def test_events_in_any_order_end_in_ready(place: Elsewhere):
    for _ in range(6):
        video_id = new_video(place.person)
        upload_id = place.upload_of(video_id)
        kinds = ["video.upload.asset_created", "video.asset.created", "video.asset.updated"]
        place.mux.arrive(upload_id)
        told = [place.mux.event(kind, upload_id) for kind in kinds]
        place.mux.uploads[upload_id].asset = "ready"
        told.append(place.mux.event("video.asset.ready", upload_id))
        told *= 2
        random.shuffle(told)
        for event in told:
            assert place.hear(*signed(event, SECRET)).status_code == 200
        assert status_of(place.person, video_id)["status"] == "ready"


@pytest.mark.parametrize("chosen", ["mux"], indirect=True)
def test_an_event_that_overtakes_our_own_note_of_the_upload_is_known_by_our_id(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    with place.backend.database.write() as session:
        session.execute(update(Video).values(provider_upload_id=None))
    assert tell_ready(place, upload_id).status_code == 200
    assert status_of(place.person, video_id)["status"] == "ready"


def test_deleting_frees_what_the_provider_has(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    finish(place, upload_id)
    assert place.person.api.delete(f"/api/videos/{video_id}").status_code == 204
    if upload_id in place.mux.uploads:
        eventually(lambda: place.mux.uploads[upload_id].asset == "deleted")
    else:
        eventually(lambda: upload_id not in place.cloudflare.videos)


def test_an_upload_that_nobody_finished_ends_when_its_time_is_over_and_is_freed(place: Elsewhere):
    video_id = new_video(place.person)
    upload_id = place.upload_of(video_id)
    with place.backend.database.write() as session:
        session.execute(update(VideoUpload).values(expires_at=now() - timedelta(hours=23)))
    assert status_of(place.person, video_id)["status"] == "uploading", "it may still be renewed"
    with place.backend.database.write() as session:
        session.execute(update(VideoUpload).values(expires_at=now() - timedelta(hours=25)))
    place.let_time_pass()
    problem = status_of(place.person, video_id)["error"]
    assert problem["code"] == "upload_expired"
    eventually(lambda: not place.holds(upload_id))


def test_a_video_that_is_not_there_yet_is_still_uploading(place: Elsewhere):
    video_id = new_video(place.person)
    place.cloudflare.videos.clear()
    place.mux.uploads.clear()
    assert status_of(place.person, video_id)["status"] == "uploading"


def test_a_stored_video_stays_with_its_provider_when_another_is_chosen(place: Elsewhere, tmp_path: Path):
    video_id = new_video(place.person)
    finish(place, place.upload_of(video_id))
    ready = status_of(place.person, video_id)
    assert ready["status"] == "ready"
    with place.backend.database.read() as session:
        video = session.get_one(Video, video_id)
    gone = Backend(place.backend.config, place.backend.database, {}, now, place.backend.base_url)
    assert gone.addresses(video).playback_url == ready["playbackUrl"], "even one that is configured no more"
