import json
import random
import threading
from collections import Counter

import pytest
from sqlalchemy import func, select

from tests.backend.asking import error_event, new_video, ready_event, ready_video, refused, status_of, tell
from tests.backend.server import Person, client
from uploader.backend.context import Backend
from uploader.backend.store.models import Video, WebhookEvent
from uploader.backend.webhooks import sign


def events(backend: Backend) -> int:
    with backend.database.read() as session:
        return session.scalar(select(func.count()).select_from(WebhookEvent)) or 0


def test_good_news_makes_the_video_ready_and_is_acknowledged(carol: Person, desk: Backend):
    video_id = new_video(carol)
    reply = tell(desk, ready_event(video_id))
    assert (reply.status_code, reply.json()) == (200, {"received": True})
    assert status_of(carol, video_id)["status"] == "ready"


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, "0" * 64, "sha1=" + "0" * 40, "ü", "sha256=ünïcöde", "x" * 4000],
)
def test_a_forged_event_is_refused_and_changes_nothing(signature: str, carol: Person, desk: Backend):
    video_id = new_video(carol)
    reply = tell(desk, ready_event(video_id), signature)
    assert refused(reply) == (401, "invalid_signature")
    assert reply.json()["error"] == "Invalid signature"
    assert status_of(carol, video_id)["status"] == "uploading"
    assert events(desk) == 0


def test_the_signature_is_over_every_byte_of_the_body(carol: Person, desk: Backend):
    video_id = new_video(carol)
    body = json.dumps(ready_event(video_id)).encode()
    signature = sign(desk.config.webhook_secret, body)
    assert refused(tell(desk, body + b" ", signature)) == (401, "invalid_signature")
    assert refused(tell(desk, body.replace(b"12.5", b"99.5"), signature)) == (401, "invalid_signature")
    assert refused(tell(desk, body, sign("another secret", body))) == (401, "invalid_signature")
    assert tell(desk, body, signature).status_code == 200


def test_an_event_that_comes_again_is_acknowledged_and_changes_nothing(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    with desk.database.read() as session:
        version = session.get_one(Video, video_id).version
    assert tell(desk, ready_event(video_id, duration=99)).status_code == 200
    with desk.database.read() as session:
        video = session.get_one(Video, video_id)
        assert (video.version, video.duration) == (version, 13)
    assert events(desk) == 1


def test_an_event_without_an_id_is_known_by_its_body(carol: Person, desk: Backend):
    event = ready_event(new_video(carol)) | {"id": None}
    assert [tell(desk, event).status_code for _ in range(2)] == [200, 200]
    assert events(desk) == 1


def test_an_event_about_an_unknown_video_or_of_an_unknown_kind_is_acknowledged(carol: Person, desk: Backend):
    video_id = new_video(carol)
    assert tell(desk, ready_event("nobody's video")).status_code == 200
    assert tell(desk, ready_event(video_id) | {"type": "video.asset.waved"}).status_code == 200
    assert status_of(carol, video_id)["status"] == "uploading"


def test_an_event_about_another_providers_video_changes_nothing(carol: Person, desk: Backend):
    video_id = new_video(carol)
    with desk.database.write() as session:
        session.get_one(Video, video_id).provider = "elsewhere"
    assert tell(desk, ready_event(video_id)).status_code == 200
    with desk.database.read() as session:
        assert session.get_one(Video, video_id).status == "uploading"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"\xff", b'{"type":"video.asset.ready"}', b'{"type":"x","data":{"id":1}}']
)
def test_a_signed_body_that_is_no_event_is_refused(body: bytes, desk: Backend):
    assert refused(tell(desk, body)) == (400, "invalid_request")


def test_an_event_may_be_a_megabyte_and_not_more(carol: Person, desk: Backend):
    video_id = new_video(carol)
    assert tell(desk, ready_event(video_id, more="x" * 900_000)).status_code == 200
    assert refused(tell(desk, b" " * (1024 * 1024 + 1))) == (413, "request_too_large")


def test_of_shuffled_repeated_contradicting_events_exactly_one_decides(carol: Person, desk: Backend):
    for _ in range(5):
        video_id = new_video(carol)
        told = [ready_event(video_id), error_event(video_id), ready_event(video_id, f"again {video_id}")] * 3
        random.shuffle(told)
        codes: Counter[int] = Counter()

        def deliver(event: dict[str, object], codes: Counter[int] = codes) -> None:
            codes[tell(desk, event).status_code] += 1

        threads = [threading.Thread(target=deliver, args=(event,)) for event in told]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == {200: 9}
        with desk.database.read() as session:
            video = session.get_one(Video, video_id)
            assert video.version == 1, "one change, whoever came first"
            assert video.status in {"ready", "error"}
    assert events(desk) == 15


def test_webhooks_need_no_sign_in_and_a_token_is_no_signature(carol: Person, desk: Backend):
    reply = carol.api.post("/api/webhooks/video-processing", json=ready_event("any"))
    assert refused(reply) == (401, "invalid_signature")
    with client(desk) as anybody:
        assert refused(anybody.post("/api/webhooks/video-processing")) == (401, "invalid_signature")
