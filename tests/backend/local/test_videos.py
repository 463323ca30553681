"""From the last byte to a video that plays: the real server, real transcoding, the real webhook."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest
from sqlalchemy import func, select, update

from tests.backend.asking import eventually, new_video, status_of
from tests.backend.local.carry import Receiver, ask, carry, ended
from tests.backend.local.stage import OCTETS, VERSION
from tests.backend.local.test_transcode_crash import port_to_keep
from tests.backend.server import Person, config_in, serving, signed_in
from tests.media import clips
from uploader.backend import jobs
from uploader.backend.context import Backend
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.server import running
from uploader.backend.store.models import JobRow, Video, VideoUpload, WebhookEvent, now
from uploader.backend.webhooks import verify


def local(backend: Backend) -> LocalProvider:
    provider = backend.provider
    assert isinstance(provider, LocalProvider)
    return provider


def upload_of(backend: Backend, video_id: str) -> str:
    upload = local(backend).uploads.of_video(video_id)
    assert upload is not None
    return upload.id


def test_a_clip_becomes_a_video_that_plays(cinema: Backend, guest: Person, tmp_path: Path) -> None:
    clip = clips.h264(tmp_path / "Möwen #3.mp4")
    video_id = carry(guest, clip)
    status = ended(guest, video_id)
    base = cinema.base_url
    assert status["status"] == "ready"
    assert status["playbackUrl"] == f"{base}/media/{video_id}/index.m3u8"
    assert status["thumbnailUrl"] == f"{base}/media/{video_id}/poster.jpg"
    assert status["watchUrl"] == f"{base}/watch/{video_id}"
    assert status["duration"] == 2
    assert local(cinema).original(upload_of(cinema, video_id)).read_bytes() == clip.read_bytes()
    with av.open(str(local(cinema).media / video_id / "index.m3u8")) as hls:
        assert sum(1 for _ in hls.decode(video=0)) == 60
    with cinema.database.read() as session:
        video = session.get_one(Video, video_id)
        assert (video.width, video.height, video.codec) == (640, 360, "h264")
        mine = JobRow.kind == "deliver_webhook", JobRow.key.contains(video_id)
        (job,) = session.scalars(select(JobRow).where(*mine))
        assert session.get(WebhookEvent, ("local", job.payload["event"]["id"])) is not None


def test_a_webm_plays_too(guest: Person, tmp_path: Path) -> None:
    video_id = carry(guest, clips.vp9(tmp_path / "clip.webm"), "video/webm")
    assert ended(guest, video_id)["status"] == "ready"


def test_a_video_with_no_job_left_to_do_has_none_open(cinema: Backend, guest: Person, tmp_path: Path) -> None:
    video_id = carry(guest, clips.h264(tmp_path / "clip.mp4"))
    ended(guest, video_id)

    def open_jobs() -> int:
        with cinema.database.read() as session:
            mine = JobRow.key.like(f"%{video_id}"), JobRow.done_at.is_(None)
            return session.scalar(select(func.count()).select_from(JobRow).where(*mine)) or 0

    eventually(lambda: open_jobs() == 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("letter.mp4", b"Dear reader, this is not a video.\n" * 50),
        ("trick.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/secret.ts\n"),
        ("noise.mp4", bytes(range(256)) * 400),
    ],
    ids=["text", "ffconcat", "playlist", "noise"],
)
def test_what_is_not_a_video_ends_with_words(guest: Person, tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    status = ended(guest, carry(guest, file))
    assert status["status"] == "error"
    assert status["error"]["code"] == "not_a_video"
    assert status["error"]["message"]
    assert status["error"]["action"]
    assert status["playbackUrl"] is None


def test_a_clip_that_was_cut_off_ends_with_words(guest: Person, tmp_path: Path) -> None:
    clip = clips.h264(tmp_path / "cut.mp4")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert ended(guest, carry(guest, clip))["error"]["code"] == "not_a_video"


def test_sound_without_a_picture_is_not_a_video(guest: Person, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 48000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for index in range(100):
            frame.pts = index * 1024
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert ended(guest, carry(guest, path))["error"]["code"] == "not_a_video"


def test_too_long_a_video_is_refused_by_name(tmp_path: Path) -> None:
    config = replace(config_in(tmp_path / "server"), max_duration=1)
    with running(config) as backend, signed_in(backend) as ann:
        status = ended(ann, carry(ann, clips.h264(tmp_path / "long.mp4")))
        assert status["error"]["code"] == "video_too_long"


def test_the_webhook_is_signed_and_repeated_until_it_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Receiver([307, 204]).listening() as receiver,
        serving(tmp_path / "server", WEBHOOK_URL=receiver.url) as backend,
        signed_in(backend) as ann,
    ):
        video_id = carry(ann, clips.h264(tmp_path / "clip.mp4"))
        eventually(lambda: len(receiver.requests) == 2, within=60)
        (headers, body), *_ = receiver.requests
        assert {body for _, body in receiver.requests} == {body}
        assert {given["x-webhook-id"] for given, _ in receiver.requests} == {json.loads(body)["id"]}
        assert verify([backend.config.webhook_secret], body, headers["x-webhook-signature"])
        assert abs(now().timestamp() - int(headers["x-webhook-timestamp"])) < 60
        event = json.loads(body)
        assert event["type"] == "video.asset.ready"
        assert event["data"]["id"] == video_id
        assert event["data"]["tracks"][0]["codec"] == "h264"
        assert event["data"]["duration"] == pytest.approx(2, abs=0.2)
        assert status_of(ann, video_id)["stage"] == "publishing"  # nobody has told this server
    caplog.clear()


def test_the_webhook_waits_for_a_receiver_that_is_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = port_to_keep()
    url = f"http://127.0.0.1:{port}/hook"
    with serving(tmp_path / "server", WEBHOOK_URL=url) as backend, signed_in(backend) as ann:
        carry(ann, clips.h264(tmp_path / "clip.mp4"))

        def refused() -> bool:
            with backend.database.read() as session:
                error = session.scalar(select(JobRow.error).where(JobRow.kind == "deliver_webhook"))
            return "ConnectError" in (error or "")

        eventually(refused, within=60)
        with Receiver([204]).listening(port) as receiver:
            eventually(lambda: len(receiver.requests) == 1, within=60)
    caplog.clear()


def test_a_transcode_that_died_after_its_last_word_is_not_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Receiver([503]).listening() as receiver,
        serving(tmp_path / "server", WEBHOOK_URL=receiver.url) as backend,
        signed_in(backend) as ann,
    ):
        video_id = carry(ann, clips.h264(tmp_path / "clip.mp4"))
        eventually(lambda: receiver.requests, within=60)
        made = (local(backend).media / video_id).stat().st_mtime_ns
        with backend.database.write() as session:
            session.execute(update(JobRow).where(JobRow.kind == "transcode").values(done_at=None))

        def done_again() -> bool:
            with backend.database.read() as session:
                (job,) = session.scalars(select(JobRow).where(JobRow.kind == "transcode"))
            return job.done_at is not None and job.attempts == 2

        eventually(done_again)
        assert (local(backend).media / video_id).stat().st_mtime_ns == made
        with backend.database.read() as session:
            assert len(session.scalars(select(JobRow).where(JobRow.kind == "deliver_webhook")).all()) == 1
    caplog.clear()


def test_an_original_that_vanished_ends_with_words_about_the_video(cinema: Backend, guest: Person) -> None:
    video_id = new_video(guest)
    with cinema.database.write() as session:
        session.execute(update(Video).where(Video.id == video_id).values(status="processing"))
        jobs.enqueue(session, "transcode", f"transcode:{video_id}", {"videoId": video_id}, max_attempts=1)
    assert ended(guest, video_id)["error"]["code"] == "processing_failed"


def test_a_deleted_video_leaves_nothing_on_disk(cinema: Backend, guest: Person, tmp_path: Path) -> None:
    video_id = carry(guest, clips.h264(tmp_path / "clip.mp4"))
    ended(guest, video_id)
    provider = local(cinema)
    original, made = provider.original(upload_of(cinema, video_id)), provider.media / video_id
    assert original.exists()
    assert made.is_dir()
    assert guest.api.delete(f"/api/videos/{video_id}").status_code == 204
    eventually(lambda: not original.exists() and not made.exists())


def test_an_upload_nobody_finishes_is_ended_and_frees_the_disk(backend: Backend, ann: Person, tmp_path: Path) -> None:
    clip = clips.h264(tmp_path / "clip.mp4")
    ticket = ask(ann, clip)
    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0"}
    assert ann.api.patch(ticket["uploadUrl"], content=b"0" * 1000, headers=headers).status_code == 204
    provider = local(backend)
    original = provider.original(upload_of(backend, ticket["videoId"]))
    assert original.stat().st_size == 1000
    provider.sweeper.unfinished()
    assert original.exists()
    for hours, kept in ((23, True), (25, False)):
        with backend.database.write() as session:
            session.execute(update(VideoUpload).values(expires_at=now() - timedelta(hours=hours)))
        provider.sweeper.unfinished()
        assert original.exists() == kept, "for a day it may be renewed"
    status = status_of(ann, ticket["videoId"])
    assert (status["status"], status["error"]["code"]) == ("error", "upload_expired")
    assert ann.api.head(ticket["uploadUrl"], headers=VERSION).status_code == 410


def test_what_a_crash_left_complete_is_handed_on_at_the_next_start(tmp_path: Path) -> None:
    clip = clips.h264(tmp_path / "clip.mp4")
    with serving(tmp_path / "server") as backend, signed_in(backend) as ann:
        ticket = ask(ann, clip)
        original = local(backend).original(upload_of(backend, ticket["videoId"]))
    original.write_bytes(clip.read_bytes())
    with serving(tmp_path / "server") as backend, signed_in(backend, "ben") as ben:

        def ready() -> bool:
            with backend.database.read() as session:
                return session.get_one(Video, ticket["videoId"]).status == "ready"

        local(backend).sweeper.unfinished()
        eventually(ready, within=60)
        assert ben.api.get("/api/config").status_code == 200


def test_files_and_folders_nobody_owns_are_swept(backend: Backend, ann: Person, tmp_path: Path) -> None:
    video_id = carry(ann, clips.h264(tmp_path / "clip.mp4"))
    ended(ann, video_id)
    provider = local(backend)
    stray = provider.files.folder / ("a" * 32)
    staged = provider.files.staged(upload_of(backend, video_id))
    for path in (stray, staged):
        path.write_bytes(b"left behind")
    provider.sweeper.forgotten_originals()
    assert stray.exists()  # somebody may be at it just now
    for path in (stray, staged):
        os.utime(path, (0, 0))
    (provider.media / "11111111-1111-1111-1111-111111111111").mkdir()
    (provider.media / ".11111111-1111-1111-1111-111111111111.x").mkdir()
    provider.sweeper.forgotten_originals()
    provider.sweeper.forgotten_media()
    assert [path.name for path in provider.media.iterdir()] == [video_id]
    assert [path.name for path in provider.files.folder.iterdir()] == [upload_of(backend, video_id)]
