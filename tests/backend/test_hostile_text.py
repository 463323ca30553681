"""Words that a database cannot keep, in every place where somebody could put them: refused alike on both."""

import json
from urllib.parse import quote

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tests.backend.asking import (
    CLIP,
    ask_post,
    ask_upload,
    error_event,
    new_video,
    ready_event,
    refused,
    status_of,
    tell,
)
from tests.backend.server import Person
from uploader.backend.context import Backend
from uploader.backend.store.models import Video, WebhookEvent, now

NUL = "\0"
DEEP = '{"a":' * 200 + "1" + "}" * 200


def test_what_cannot_be_kept_is_the_askers_fault(carol: Person):
    asked = [
        ask_upload(carol, metadata={"a": NUL}),
        ask_upload(carol, metadata={NUL: 1}),
        ask_upload(carol, metadata={"a": ["\\", {"b": f"\\{NUL}"}]}),
        ask_post(carol, content="x", videoId=NUL),
        ask_post(carol, content="x", communityId=NUL),
        ask_post(carol, content="x", communityId=NUL, publish="draft"),
        carol.api.get("/api/posts", params={"communityId": NUL}),
        *(carol.api.request(method, f"/api/posts/{quote(NUL)}", json={}) for method in ("GET", "PATCH", "DELETE")),
        carol.api.get(f"/api/videos/{quote(NUL)}/status"),
        carol.api.delete(f"/api/videos/{quote(NUL)}"),
        carol.api.post(f"/api/videos/{quote(NUL)}/upload-url"),
    ]
    for value in ("NaN", "1e999", '"\\ud800"'):
        body = json.dumps(CLIP | {"metadata": {"a": "here"}}).replace('"here"', value)
        asked.append(
            carol.api.post("/api/videos/upload-url", content=body, headers={"Content-Type": "application/json"})
        )
    assert [refused(reply) for reply in asked] == [(400, "invalid_request")] * len(asked)
    assert refused(ask_upload(carol, mimeType=f"video/{NUL}")) == (400, "invalid_file_type")


def test_what_only_looks_like_it_is_kept(carol: Person, desk: Backend):
    metadata = {"a": "\\u0000", "b": "\\\\u0000", "c": "🎬", "d": json.loads(DEEP)}
    video_id = ask_upload(carol, metadata=metadata).json()["videoId"]
    with desk.database.read() as session:
        [kept] = session.scalars(select(Video.upload_url).where(Video.id == video_id))
    assert kept
    assert ask_post(carol, content=f"x{NUL}y").json()["content"] == "xy"


def test_an_event_that_names_nothing_that_could_be_kept_is_no_event(carol: Person, desk: Backend):
    for event in (ready_event(NUL), ready_event("a video", f"an event{NUL}")):
        assert refused(tell(desk, event)) == (400, "invalid_request")
    video_id = new_video(carol)
    assert tell(desk, error_event(video_id, error_code="odd", error_message=f"No{NUL}pe.")).status_code == 200
    assert status_of(carol, video_id)["error"]["message"] == "Nope."
    video_id = new_video(carol)
    odd = {"width": 2**31, "height": 1080, "max_bitrate": 10**12, "codec": f"h{NUL}264"}
    assert tell(desk, ready_event(video_id, duration=1e300, tracks=[odd])).status_code == 200
    with desk.database.read() as session:
        video = session.get_one(Video, video_id)
    assert (video.status, video.duration, video.width, video.height, video.bitrate, video.codec) == (
        "ready", None, None, 1080, None, "h264",
    )  # fmt: skip


def test_an_error_of_the_database_does_not_name_what_was_to_be_kept(desk: Backend):
    secret = "the digest of somebody's token"

    def twice() -> None:
        with desk.database.write() as session:
            for _ in range(2):
                row = {"provider": "local", "event_id": secret, "received_at": now()}
                session.execute(insert(WebhookEvent).values(row))

    with pytest.raises(IntegrityError) as caught:
        twice()
    assert "webhook_events" in str(caught.value)
    assert "hide_parameters" in str(caught.value)
