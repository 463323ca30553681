"""A ticket whose time is over is renewed for whoever owns the video: once at the provider, however many ask."""

import threading
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from tests.backend.asking import ask_upload, eventually, new_video, ready_event, refused, status_of, tell
from tests.backend.fake_provider import FakeProvider
from tests.backend.providers.elsewhere import Elsewhere, arrive, created, finish
from tests.backend.server import Person, client
from uploader.backend import videos
from uploader.backend.context import Backend
from uploader.backend.providers.base import ProviderFailed
from uploader.backend.store.models import IdempotencyKey, JobRow, Video, VideoUpload, now
from uploader.wire import Ticket

TUS = {"Tus-Resumable": "1.0.0"}


def ask_again(person: Person, video_id: str, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return person.api.post(f"/api/videos/{video_id}/upload-url", headers=headers)


def let_it_expire(backend: Backend) -> None:
    with backend.database.write() as session:
        session.execute(update(VideoUpload).values(expires_at=now() - timedelta(seconds=1)))


def of_status(person: Person, video_id: str) -> str:
    return str(status_of(person, video_id)["status"])


class TestHere:
    """The local provider: the same upload, and what has arrived of it."""

    def test_an_upload_that_expired_goes_on_where_it_was(self, ann: Person, backend: Backend):
        first = Ticket.model_validate(ask_upload(ann).json())
        piece = TUS | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        assert ann.api.patch(first.upload_url, content=bytes(300), headers=piece).status_code == 204
        let_it_expire(backend)
        assert ann.api.head(first.upload_url, headers=TUS).status_code == 410
        second = Ticket.model_validate(ask_again(ann, first.video_id).json())
        assert second.expires_at > now() + timedelta(days=6)
        assert second == first.model_copy(update={"expires_at": second.expires_at})
        head = ann.api.head(second.upload_url, headers=TUS)
        assert (head.status_code, head.headers["upload-offset"]) == (200, "300")

    def test_a_body_is_not_needed_and_not_read(self, ann: Person):
        video_id = new_video(ann)
        assert ann.api.post(f"/api/videos/{video_id}/upload-url", content=b"{").status_code == 200


class TestElsewhere:
    """Cloudflare and Mux: a new upload in the place of the old one."""

    def test_the_new_upload_takes_the_place_of_the_old_one_which_is_freed(self, place: Elsewhere):
        first = ask_upload(place.person).json()
        old = place.upload_of(first["videoId"])
        let_it_expire(place.backend)
        second = ask_again(place.person, first["videoId"]).json()
        assert second["videoId"] == first["videoId"]
        assert second["uploadUrl"] != first["uploadUrl"]
        assert second["expiresAt"] > first["expiresAt"] or second["expiresAt"] > now().isoformat()
        assert place.upload_of(first["videoId"]) != old
        eventually(lambda: not place.holds(old))
        assert place.holds(place.upload_of(first["videoId"]))

    def test_a_ticket_that_is_still_good_is_given_again(self, place: Elsewhere):
        ticket = ask_upload(place.person).json()
        assert ask_again(place.person, ticket["videoId"]).json() == ticket
        assert created(place) == 1

    def test_of_twelve_who_ask_at_once_one_new_upload_is_made_and_all_come_to_have_it(self, place: Elsewhere):
        video_id = new_video(place.person)
        let_it_expire(place.backend)
        replies: list[httpx.Response] = []

        def ask(key: str | None) -> None:
            replies.append(ask_again(place.person, video_id, key))

        keys = [None] * 4 + ["one"] * 4 + ["two"] * 4
        threads = [threading.Thread(target=ask, args=(key,)) for key in keys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert created(place) == 2, "the first, and one in its place"
        tickets = [reply.json() for reply in replies if reply.status_code == 200]
        assert tickets
        assert {one["uploadUrl"] for one in tickets} == {tickets[0]["uploadUrl"]}
        assert {refused(one) for one in replies if one.status_code != 200} <= {(409, "idempotency_in_progress")}
        for key in ("one", "two"):
            assert ask_again(place.person, video_id, key).json() == tickets[0]
        assert created(place) == 2

    def test_bytes_that_all_came_without_our_knowing_are_not_thrown_away(self, place: Elsewhere):
        video_id = new_video(place.person)
        arrive(place, place.upload_of(video_id))
        let_it_expire(place.backend)
        assert refused(ask_again(place.person, video_id)) == (409, "upload_complete")
        assert of_status(place.person, video_id) == "processing"
        finish(place, place.upload_of(video_id))
        assert created(place) == 1

    @pytest.mark.loud
    def test_a_provider_that_does_not_answer_leaves_everything_as_it_was(self, place: Elsewhere):
        video_id = new_video(place.person)
        old = place.upload_of(video_id)
        let_it_expire(place.backend)
        status_of(place.person, video_id)
        place.stop_time()  # so that nobody looks now
        for fake in (place.cloudflare, place.mux):
            fake.refusals.append((429, {"Retry-After": "77"}, b"{}"))
        reply = ask_again(place.person, video_id, "key")
        assert (refused(reply), reply.headers["retry-after"]) == ((503, "provider_failed"), "77")
        assert place.upload_of(video_id) == old
        assert ask_again(place.person, video_id, "key").status_code == 200, "the turn was given back, and the key"
        assert created(place) == 3


class TestWhoMay:
    """In the API, before a provider that only remembers."""

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            ("processing", "upload_complete"),
            ("ready", "upload_complete"),
            ("error", "video_failed"),
            ("cancelled", "video_cancelled"),
        ],
    )
    def test_a_video_that_waits_for_no_bytes_has_no_ticket(
        self, state: str, code: str, carol: Person, desk: Backend, provider: FakeProvider
    ):
        video_id = new_video(carol)
        with desk.database.write() as session:
            assert videos.seen(session, video_id, videos.Sight(state), now())  # type: ignore[arg-type]
        for _ in range(2):
            assert refused(ask_again(carol, video_id, "key")) == (409, code)
        assert len(provider.orders) == 1

    def test_somebody_elses_video_is_not_there(self, carol: Person, dave: Person, provider: FakeProvider):
        video_id = new_video(carol)
        assert refused(ask_again(dave, video_id)) == (404, "video_not_found")
        assert refused(ask_again(carol, "nothing")) == (404, "video_not_found")
        assert len(provider.orders) == 1

    def test_without_sign_in_there_is_no_ticket(self, carol: Person, desk: Backend):
        with client(desk) as anybody:
            reply = anybody.post(f"/api/videos/{new_video(carol)}/upload-url")
        assert refused(reply) == (401, "unauthorized")

    def test_a_lost_reply_is_given_again_even_when_the_bytes_have_come_since(self, carol: Person, desk: Backend):
        video_id = new_video(carol)
        ticket = ask_again(carol, video_id, "key").json()
        assert tell(desk, ready_event(video_id)).status_code == 200
        assert ask_again(carol, video_id, "key").json() == ticket
        assert refused(ask_again(carol, video_id)) == (409, "upload_complete")

    def test_a_key_of_another_video_or_another_request_is_refused(self, carol: Person):
        one, other = new_video(carol), new_video(carol)
        assert ask_again(carol, one, "key").status_code == 200
        assert refused(ask_again(carol, other, "key")) == (422, "idempotency_mismatch")
        assert refused(ask_upload(carol, "key")) == (422, "idempotency_mismatch")

    def test_while_somebody_asks_everybody_else_is_told_to_wait(
        self, carol: Person, desk: Backend, provider: FakeProvider
    ):
        video_id = ask_upload(carol, "first").json()["videoId"]
        provider.open.clear()
        provider.asked.clear()
        asking = threading.Thread(target=ask_again, args=(carol, video_id))
        asking.start()
        try:
            assert provider.asked.wait(60)
            for reply in (ask_again(carol, video_id), ask_again(carol, video_id, "key"), ask_upload(carol, "first")):
                assert (refused(reply), reply.headers["retry-after"]) == ((409, "idempotency_in_progress"), "1")
            with desk.database.write() as session:  # so long ago that whoever asked must be dead
                session.execute(update(VideoUpload).values(granting_until=now()))
        finally:
            provider.open.set()
        asking.join()
        assert ask_again(carol, video_id).status_code == 200

    def test_what_is_granted_for_a_video_that_ended_meanwhile_is_freed(
        self, carol: Person, desk: Backend, provider: FakeProvider
    ):
        video_id = new_video(carol)
        with desk.database.write() as session:  # as if this provider made a new upload each time
            session.execute(update(Video).values(provider_upload_id="the old one"))
        provider.open.clear()
        provider.asked.clear()
        replies: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: replies.append(ask_again(carol, video_id, "key")))
        asking.start()
        try:
            assert provider.asked.wait(60)
            assert carol.api.delete(f"/api/videos/{video_id}").status_code == 204
        finally:
            provider.open.set()
        asking.join()
        assert refused(replies[0]) == (409, "video_cancelled")
        eventually(lambda: set(provider.forgotten) == {"the old one", f"upload-of-{video_id}"})

    @pytest.mark.loud
    def test_what_the_provider_refuses_leaves_the_video_and_the_key(
        self, carol: Person, desk: Backend, provider: FakeProvider
    ):
        video_id = new_video(carol)
        provider.failure = ProviderFailed("no")
        assert refused(ask_again(carol, video_id, "key")) == (502, "provider_failed")
        provider.failure = None
        assert of_status(carol, video_id) == "uploading"
        assert ask_again(carol, video_id, "key").status_code == 200
        with desk.database.read() as session:
            assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 1
            assert session.scalar(select(func.count()).select_from(JobRow).where(JobRow.kind == "forget")) == 0
