import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.backend.asking import CLIP, ask_upload, new_video, ready_event, refused, status_of, tell, use_up
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, client, make_token, make_user, serving
from uploader import errors
from uploader.backend.context import Backend
from uploader.backend.providers.base import ProviderFailed
from uploader.backend.store.models import IdempotencyKey, Video, VideoUpload
from uploader.wire import Ticket

LONE = json.dumps(CLIP | {"filename": "\ud800.mp4"}).encode()
"""Half a character, in valid JSON."""


def rows(backend: Backend) -> tuple[list[Video], list[VideoUpload]]:
    with backend.database.read() as session:
        return list(session.scalars(select(Video))), list(session.scalars(select(VideoUpload)))


def test_the_ticket_names_video_address_protocol_chunk_rules_and_expiry(ann: Person, backend: Backend):
    ticket = Ticket.model_validate(ask_upload(ann).json())
    assert ticket.upload_url.startswith(f"{backend.base_url}/files/")
    assert (ticket.provider, ticket.protocol, ticket.max_bytes) == ("local", "tus", 1000)
    assert ticket.expires_at > datetime.now(UTC) + timedelta(hours=1)
    assert ticket.chunk.default >= ticket.chunk.min


def test_both_rows_are_there_before_the_provider_hears_of_it(carol: Person, desk: Backend, provider: FakeProvider):
    provider.open.clear()
    asking = threading.Thread(target=ask_upload, args=(carol,))
    asking.start()
    try:
        assert provider.asked.wait(60)
        videos, uploads = rows(desk)
        assert [video.id for video in videos] == [upload.id for upload in uploads] == [provider.orders[0].video_id]
    finally:
        provider.open.set()
        asking.join()


def test_both_rows_hold_what_was_asked_and_granted(carol: Person, desk: Backend):
    ticket = ask_upload(carol, filename="Ü.mov", mimeType="video/quicktime", metadata={"take": 2}).json()
    [video], [upload] = rows(desk)
    for row in (video, upload):
        assert (row.user_id, row.filename, row.file_size) == (carol.user.id, "Ü.mov", 1000)
        assert (row.mime_type, row.status, row.provider) == ("video/quicktime", "uploading", "local")
        assert row.upload_url == ticket["uploadUrl"]
    assert upload.metadata_ == {"take": 2}
    assert upload.expires_at == datetime.fromisoformat(ticket["expiresAt"])
    assert video.provider_upload_id == f"upload-of-{video.id}"


def test_the_clients_metadata_cannot_name_another_user_to_the_provider(carol: Person, provider: FakeProvider):
    ask_upload(carol, metadata={"userId": "somebody else"})
    assert provider.orders[0].user_id == carol.user.id


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"fileSize": 30 * 1024**3 + 1}, "file_too_large", "File too large"),
        ({"mimeType": "image/png"}, "invalid_file_type", "Invalid file type"),
        ({"mimeType": "application/x-video/"}, "invalid_file_type", "Invalid file type"),
        ({"fileSize": 0}, "invalid_request", None),
        ({"fileSize": -1}, "invalid_request", None),
        ({"fileSize": "many"}, "invalid_request", None),
        ({"fileSize": None}, "invalid_request", None),
        ({"fileSize": 1.5}, "invalid_request", None),
        ({"mimeType": None}, "invalid_request", None),
        ({"mimeType": 7, "fileSize": 0}, "invalid_request", None),
        ({"filename": ""}, "invalid_request", None),
        ({"filename": "x" * 256}, "invalid_request", None),
        ({"metadata": []}, "invalid_request", None),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_400(
    changed: dict[str, Any], code: str, words: str | None, carol: Person, provider: FakeProvider
):
    reply = ask_upload(carol, **changed)
    assert refused(reply) == (400, code)
    assert words is None or reply.json()["error"] == words
    assert not provider.orders


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, LONE])
def test_a_body_that_is_not_what_json_should_be_is_refused_with_400(body: bytes, carol: Person):
    assert refused(carol.api.post("/api/videos/upload-url", content=body)) == (400, "invalid_request")


def test_the_largest_file_allowed_is_allowed(tmp_path: Path):
    with serving(tmp_path, {"local": FakeProvider}, MAX_VIDEO_SIZE_MB="1") as desk:
        user = make_user(desk.database)
        with client(desk, make_token(desk.database, user)) as api:
            person = Person(user, "", api)
            assert ask_upload(person, fileSize=1024 * 1024).status_code == 200
            assert refused(ask_upload(person, fileSize=1024 * 1024 + 1)) == (400, "file_too_large")


def test_without_sign_in_there_is_no_upload(desk: Backend, provider: FakeProvider):
    with client(desk) as anybody:
        reply = anybody.post("/api/videos/upload-url", json=CLIP)
    assert refused(reply) == (401, "unauthorized")
    assert reply.json()["error"] == "Unauthorized"
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert not provider.orders


@pytest.mark.loud
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ProviderFailed("upstream says no", retry_after=7), (502, "provider_failed")),
        (ProviderFailed("upstream is out for lunch", passing=True), (503, "provider_failed")),
        (errors.DiskFull("3 bytes free"), (507, "disk_full")),
    ],
)
def test_what_the_provider_does_not_grant_leaves_nothing_behind(
    failure: Exception, expected: tuple[int, str], carol: Person, desk: Backend, provider: FakeProvider
):
    provider.failure = failure
    reply = ask_upload(carol, "key")
    assert refused(reply) == expected
    assert int(reply.headers["retry-after"]) > 0
    assert rows(desk) == ([], [])
    provider.failure = None
    assert ask_upload(carol, "key").status_code == 200, "the same key may try again at once"
    first, second = provider.orders
    assert first.video_id == second.video_id


@pytest.mark.loud
def test_a_mistake_in_the_provider_is_a_500_in_our_shape_that_says_nothing(
    carol: Person, desk: Backend, provider: FakeProvider, caplog: pytest.LogCaptureFixture
):
    provider.failure = RuntimeError("secret detail")
    reply = ask_upload(carol)
    assert refused(reply) == (500, "server_error")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-request-id"]
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert logged.exc_info
    assert "secret" not in reply.text
    assert rows(desk) == ([], [])


def test_the_same_key_gives_the_same_video_and_an_address_that_is_good_now(carol: Person, provider: FakeProvider):
    first, second = ask_upload(carol, "key").json(), ask_upload(carol, "key").json()
    assert first["videoId"] == second["videoId"]
    assert first["uploadUrl"] != second["uploadUrl"], "the provider was asked for the address of today"
    one, two = provider.orders
    assert two.held is not None
    assert (replace(two, held=None), two.held.upload_url) == (one, first["uploadUrl"]), "and told what was granted"


def test_a_key_used_for_another_file_is_refused(carol: Person, provider: FakeProvider):
    ask_upload(carol, "key")
    assert refused(ask_upload(carol, "key", fileSize=1001)) == (422, "idempotency_mismatch")
    assert len(provider.orders) == 1


def test_a_key_belongs_to_its_user(carol: Person, dave: Person):
    assert ask_upload(carol, "key").json()["videoId"] != ask_upload(dave, "key").json()["videoId"]


def test_without_a_key_each_request_is_a_video_of_its_own(carol: Person):
    assert new_video(carol) != new_video(carol)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_cannot_be_kept_is_refused(key: str, carol: Person):
    assert refused(ask_upload(carol, key)) == (400, "invalid_request")


def test_a_second_request_while_the_first_is_at_work_is_told_to_wait(carol: Person, provider: FakeProvider):
    provider.open.clear()
    asking = threading.Thread(target=ask_upload, args=(carol, "key"))
    asking.start()
    try:
        assert provider.asked.wait(60)
        reply = ask_upload(carol, "key")
        assert refused(reply) == (409, "idempotency_in_progress")
        assert reply.headers["retry-after"] == "1"
    finally:
        provider.open.set()
        asking.join()
    assert ask_upload(carol, "key").json()["videoId"] == provider.orders[0].video_id


def test_twenty_equal_requests_at_once_make_one_video(carol: Person, desk: Backend, provider: FakeProvider):
    provider.open.clear()
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(ask_upload(carol, "key"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert provider.asked.wait(60)
    provider.open.set()
    for thread in threads:
        thread.join()
    made = {reply.json()["videoId"] for reply in replies if reply.status_code == 200}
    assert len(made) == 1
    assert {refused(reply) for reply in replies if reply.status_code != 200} <= {(409, "idempotency_in_progress")}
    assert len(rows(desk)[0]) == 1


def test_a_reservation_left_by_a_dead_request_is_taken_over_after_two_minutes_with_the_same_video(
    carol: Person, desk: Backend
):
    video_id = ask_upload(carol, "key").json()["videoId"]
    with desk.database.write() as session:
        row = session.get_one(IdempotencyKey, (carol.user.id, "key"))
        row.status, row.body = None, {"id": video_id}
        row.created_at = datetime.now(UTC) - timedelta(seconds=60)
    assert refused(ask_upload(carol, "key")) == (409, "idempotency_in_progress")
    with desk.database.write() as session:
        row = session.get_one(IdempotencyKey, (carol.user.id, "key"))
        row.created_at = datetime.now(UTC) - timedelta(seconds=121)
    assert ask_upload(carol, "key").json()["videoId"] == video_id
    assert len(rows(desk)[0]) == 1


@pytest.mark.one_database("on PostgreSQL another server may be at it: there a key is free again after two minutes")
def test_a_server_that_was_killed_while_it_asked_takes_the_reservation_over_at_its_start(tmp_path: Path):
    with serving(tmp_path, {"local": FakeProvider}) as before:
        user = make_user(before.database)
        token = make_token(before.database, user)
        with client(before, token) as api:
            video_id = ask_upload(Person(user, token, api), "key").json()["videoId"]
        with before.database.write() as session:
            row = session.get_one(IdempotencyKey, (user.id, "key"))
            row.status, row.body = None, {"id": video_id}
    with serving(tmp_path, {"local": FakeProvider}) as after, client(after, token) as api:
        assert ask_upload(Person(user, token, api), "key").json()["videoId"] == video_id


def test_after_a_restart_on_another_port_the_replay_names_the_new_address(tmp_path: Path):
    with serving(tmp_path) as before:
        user = make_user(before.database)
        token = make_token(before.database, user)
        with client(before, token) as api:
            first = ask_upload(Person(user, token, api), "key").json()
    with serving(tmp_path) as after, client(after, token) as api:
        second = ask_upload(Person(user, token, api), "key").json()
        assert second["uploadUrl"].startswith(after.base_url)
        assert second["videoId"] == first["videoId"]
        assert second["uploadUrl"].rpartition("/")[2] == first["uploadUrl"].rpartition("/")[2], "the same upload"
        head = api.head(second["uploadUrl"], headers={"Tus-Resumable": "1.0.0"})
        assert head.status_code == 200


def test_once_the_upload_is_over_the_replay_still_gives_the_ticket(
    carol: Person, desk: Backend, provider: FakeProvider
):
    ticket = ask_upload(carol, "key").json()
    assert tell(desk, ready_event(ticket["videoId"])).status_code == 200
    assert ask_upload(carol, "key").json() == ticket
    assert len(provider.orders) == 1, "nothing was granted anew"


def test_after_a_deletion_the_replay_leads_to_a_video_that_says_so(carol: Person):
    ticket = ask_upload(carol, "key").json()
    carol.api.delete(f"/api/videos/{ticket['videoId']}")
    assert ask_upload(carol, "key").json() == ticket
    assert status_of(carol, ticket["videoId"])["status"] == "cancelled"


def test_a_file_name_never_carries_a_path_or_what_cannot_be_seen(carol: Person, desk: Backend):
    ask_upload(carol, filename="../../etc/\u202epasswd\x07.mp4")
    [video], _ = rows(desk)
    assert video.filename == "passwd.mp4"


def test_too_many_uploads_in_a_minute_are_told_when_to_come_back(carol: Person, desk: Backend, provider: FakeProvider):
    use_up(desk, f"upload-url:{carol.user.id}", 120)
    reply = ask_upload(carol)
    assert refused(reply) == (429, "rate_limited")
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert not provider.orders
