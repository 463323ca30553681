from datetime import timedelta

import pytest

from tests.backend.asking import error_event, new_video, ready_event, ready_video, refused, status_of, tell
from tests.backend.server import Person, client
from uploader.backend import jobs, videos
from uploader.backend.context import Backend
from uploader.backend.store.models import Video, VideoUpload, now


def test_a_new_video_is_uploading(carol: Person):
    video_id = new_video(carol)
    assert status_of(carol, video_id) == {
        "videoId": video_id,
        "status": "uploading",
        "playbackUrl": None,
        "thumbnailUrl": None,
        "duration": None,
        "provider": "local",
        "stage": None,
        "percent": None,
        "queuePosition": None,
        "watchUrl": None,
        "error": None,
    }


def test_a_ready_video_says_where_it_plays_and_how_long(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    shown = status_of(carol, video_id)
    assert shown["status"] == "ready"
    assert shown["playbackUrl"] == "https://cdn.example/v.m3u8"
    assert shown["thumbnailUrl"] == "https://cdn.example/v.jpg"
    assert shown["watchUrl"] == f"{desk.base_url}/watch/{video_id}"
    assert shown["duration"] == 13, "12.5 seconds, rounded half up"
    with desk.database.read() as session:
        video = session.get_one(Video, video_id)
        assert (video.width, video.height, video.bitrate, video.codec) == (1920, 1080, 5_000_000, "h264")
        assert video.metadata_ == {"durationSeconds": 12.5}
        assert video.processed_at is not None


def test_what_waits_says_its_place_in_the_queue(carol: Person, desk: Backend):
    ids = [new_video(carol) for _ in range(3)]
    for video_id in ids:
        with desk.database.write() as session:
            assert videos.received(session, video_id, now())
    assert [status_of(carol, video_id)["queuePosition"] for video_id in ids] == [1, 2, 3]
    assert {status_of(carol, video_id)["stage"] for video_id in ids} == {"queued"}
    row = jobs.claim(desk.database, ["transcode"], "somebody", timedelta(hours=1))
    assert row is not None
    assert row.payload == {"videoId": ids[0]}
    assert [status_of(carol, video_id)["queuePosition"] for video_id in ids] == [None, 1, 2]


def test_processing_says_stage_and_percent(carol: Person, desk: Backend):
    video_id = new_video(carol)
    with desk.database.write() as session:
        videos.received(session, video_id, now())
        videos.progressed(session, video_id, "transcoding", 41.5)
    shown = status_of(carol, video_id)
    assert (shown["status"], shown["stage"], shown["percent"]) == ("processing", "transcoding", 41.5)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("not_a_video", "This is not a video"),
        ("video_too_long", "The video is too long"),
        ("media_failed", "The video could not be read"),
        ("disk_full", "There is no space left"),
        ("something_new", "No moov atom."),
    ],
)
def test_a_failure_is_told_in_words_with_a_code_and_an_action(code: str, message: str, carol: Person, desk: Backend):
    video_id = new_video(carol)
    tell(desk, error_event(video_id, error_code=code))
    problem = status_of(carol, video_id)["error"]
    assert (problem["code"], problem["message"]) == (code, message)
    assert problem["action"]


def test_an_event_that_does_not_say_why_is_a_failure_all_the_same(carol: Person, desk: Backend):
    video_id = new_video(carol)
    tell(desk, error_event(video_id, error_code=None, error_message=None))
    problem = status_of(carol, video_id)["error"]
    assert (problem["code"], problem["message"]) == ("processing_failed", "The server could not process this video")


def test_the_address_to_upload_to_is_forgotten_when_the_upload_ends(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    with desk.database.read() as session:
        assert session.get_one(Video, video_id).upload_url is None
        upload = session.get_one(VideoUpload, video_id)
        assert (upload.upload_url, upload.status) == (None, "ready")


def test_an_unknown_video_is_404_and_somebody_elses_403(carol: Person, dave: Person):
    video_id = new_video(carol)
    unknown = carol.api.get("/api/videos/no-such-video/status")
    assert refused(unknown) == (404, "video_not_found")
    assert unknown.json()["error"] == "Video not found"
    foreign = dave.api.get(f"/api/videos/{video_id}/status")
    assert refused(foreign) == (403, "access_denied")
    assert foreign.json()["error"] == "Access denied"


def test_status_and_delete_need_a_sign_in(carol: Person, desk: Backend):
    video_id = new_video(carol)
    with client(desk) as anybody:
        assert refused(anybody.get(f"/api/videos/{video_id}/status")) == (401, "unauthorized")
        assert refused(anybody.delete(f"/api/videos/{video_id}")) == (401, "unauthorized")
    assert status_of(carol, video_id)["status"] == "uploading"


def test_a_ready_video_stays_ready_whatever_is_told_later(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    tell(desk, error_event(video_id))
    tell(desk, ready_event(video_id, "another event", duration=99))
    shown = status_of(carol, video_id)
    assert (shown["status"], shown["duration"], shown["error"]) == ("ready", 13, None)
