import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from tests.backend.server import make_user
from uploader.backend import videos
from uploader.backend.providers.base import Sight
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, VideoUpload, new_id

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def add_video(database: Database, user_id: str) -> str:
    video_id = new_id()
    common = {
        "id": video_id, "user_id": user_id, "filename": "a.mp4", "file_size": 1, "mime_type": "video/mp4",
        "provider": "local",
    }  # fmt: skip
    with database.write() as session:
        session.add(Video(**common, provider_upload_id=f"upload {video_id}", upload_url="http://x/files/1"))
        session.flush()
        session.add(VideoUpload(**common, upload_url="http://x/files/1"))
    return video_id


@pytest.fixture
def video_id(database: Database) -> str:
    return add_video(database, make_user(database).id)


def test_of_racing_changes_exactly_one_is_applied(database: Database, video_id: str):
    applied: list[str] = []
    start = threading.Barrier(12)

    def race(name: str) -> None:
        start.wait()
        with database.write() as session:
            won = {
                "ready": lambda: videos.ready(session, video_id, Sight("ready"), NOON),
                "error": lambda: videos.failed(session, video_id, "x", "x", NOON),
                "cancelled": lambda: videos.cancelled(session, video_id, NOON),
            }[name]()
        if won:
            applied.append(name)

    threads = [threading.Thread(target=race, args=(name,)) for name in ("ready", "error", "cancelled") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        video = session.get_one(Video, video_id)
        assert [video.status] == applied
        assert video.version == 1


def test_four_hundred_steps_of_progress_by_eight_threads_are_four_hundred_versions(database: Database, video_id: str):
    with database.write() as session:
        videos.received(session, video_id, NOON)

    def work() -> None:
        for percent in range(50):
            with database.write() as session:
                assert videos.progressed(session, video_id, "transcoding", percent)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(Video, video_id).version == 401


def test_what_a_transaction_does_not_commit_has_not_happened(database: Database, video_id: str):
    with suppress(ZeroDivisionError), database.write() as session:
        assert videos.received(session, video_id, NOON)
        raise ZeroDivisionError
    with database.read() as session:
        assert session.get_one(Video, video_id).status == "uploading"
        assert session.scalar(select(func.count()).select_from(JobRow)) == 0


@pytest.mark.parametrize(("exact", "shown"), [(0.0, 0), (0.49, 0), (0.5, 1), (1.5, 2), (2.5, 3), (59.999, 60)])
def test_durations_are_rounded_half_up_and_the_exact_one_is_kept(
    exact: float, shown: int, database: Database, video_id: str
):
    with database.write() as session:
        videos.ready(session, video_id, Sight("ready", duration=exact), NOON)
    with database.read() as session:
        video = session.get_one(Video, video_id)
        assert (video.duration, video.metadata_) == (shown, {"durationSeconds": exact})


def test_a_failed_video_that_is_deleted_keeps_no_word_of_its_failure(database: Database, video_id: str):
    with database.write() as session:
        assert videos.failed(session, video_id, "not_a_video", "This is not a video", NOON)
        assert videos.deleted(session, video_id, NOON)
    with database.read() as session:
        video = session.get_one(Video, video_id)
        assert (video.status, video.error, video.error_code) == ("cancelled", None, None)


def test_a_video_that_is_not_there_is_never_changed(database: Database):
    with database.write() as session:
        assert not videos.received(session, "nobody", NOON)
        assert not videos.progressed(session, "nobody", "x", 1)
        assert not videos.ready(session, "nobody", Sight("ready"), NOON)
        assert not videos.failed(session, "nobody", "x", "x", NOON)
        assert not videos.cancelled(session, "nobody", NOON)
        assert not videos.deleted(session, "nobody", NOON)


class VideoLife(RuleBasedStateMachine):
    """Whatever comes in whatever order, the database does what this small model says."""

    database: ClassVar[Database]
    owner: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.video_id = add_video(self.database, self.owner)
        self.status = "uploading"
        self.version = 0
        self.place: tuple[str | None, float | None] = (None, None)
        self.jobs: set[str] = set()

    def expect(self, applied: bool, should: bool, status: str | None = None) -> None:
        assert applied == should
        if should:
            self.version += 1
            self.status = status or self.status

    @property
    def unfinished(self) -> bool:
        return self.status in {"uploading", "processing"}

    @rule()
    def receive(self) -> None:
        with self.database.write() as session:
            applied = videos.received(session, self.video_id, NOON)
        self.expect(applied, self.arrive(), "processing")

    def arrive(self) -> bool:
        """All bytes are there, if they had not been before."""
        if self.status != "uploading":
            return False
        self.jobs.add("transcode")
        self.place = ("queued", None)
        return True

    @rule(percent=st.none() | st.floats(0, 100))
    def progress(self, percent: float | None) -> None:
        with self.database.write() as session:
            applied = videos.progressed(session, self.video_id, "transcoding", percent)
        if self.status == "processing":
            self.place = ("transcoding", percent)
        self.expect(applied, self.status == "processing")

    @rule(stage=st.sampled_from([None, "queued", "transcoding"]), percent=st.sampled_from([None, 0.0, 39.5]))
    def look_at_work(self, stage: str | None, percent: float | None) -> None:
        """A provider's word: it may skip a step, come late or say nothing new."""
        with self.database.write() as session:
            applied = videos.seen(session, self.video_id, Sight("processing", stage=stage, percent=percent), NOON)
        moved = self.arrive()
        if moved:
            self.expect(True, True, "processing")
        further = self.status == "processing" and stage is not None and self.place != (stage, percent)
        if further:
            self.place = (stage, percent)
            self.version += 1
        assert applied == (moved or further)

    @rule()
    def look_in_vain(self) -> None:
        with self.database.write() as session:
            self.expect(videos.seen(session, self.video_id, Sight("uploading"), NOON), False)

    @rule(code=st.sampled_from(["upload_expired", "video_too_long", "media_failed"]))
    def look_at_failure(self, code: str) -> None:
        """What fails by our own word is freed at the provider."""
        with self.database.write() as session:
            applied = videos.seen(session, self.video_id, Sight("error", error="no", error_code=code), NOON)
        if self.unfinished and code in videos.OUR_WORD:
            self.jobs.add("forget ended")
        self.expect(applied, self.unfinished, "error")

    @rule()
    def become_ready(self) -> None:
        with self.database.write() as session:
            applied = videos.ready(session, self.video_id, Sight("ready", playback_url="https://x/y"), NOON)
        if self.status == "cancelled":
            self.jobs.add("forget late")
        self.expect(applied, self.unfinished, "ready")

    @rule()
    def fail(self) -> None:
        with self.database.write() as session:
            applied = videos.failed(session, self.video_id, "not_a_video", "no", NOON)
        self.expect(applied, self.unfinished, "error")

    @rule()
    def cancel(self) -> None:
        with self.database.write() as session:
            applied = videos.cancelled(session, self.video_id, NOON)
        if self.unfinished:
            self.jobs.add("forget")
        self.expect(applied, self.unfinished, "cancelled")

    @precondition(lambda self: self.version > 2)
    @rule()
    def delete(self) -> None:
        with self.database.write() as session:
            applied = videos.deleted(session, self.video_id, NOON)
        self.jobs.add("forget")
        self.expect(applied, self.status != "cancelled", "cancelled")

    @invariant()
    def the_database_agrees(self) -> None:
        with self.database.read() as session:
            video = session.get_one(Video, self.video_id)
            upload = session.get_one(VideoUpload, self.video_id)
            jobs = session.scalar(select(func.count()).where(JobRow.key.contains(self.video_id)))
        assert (video.status, video.version, upload.status) == (self.status, self.version, self.status)
        assert (video.stage, video.percent) == (self.place if self.status == "processing" else (None, None))
        assert (video.upload_url is not None) == (self.status == "uploading") == (upload.upload_url is not None)
        assert (video.playback_url is not None) == (self.status == "ready")
        assert (video.error_code is not None) == (self.status == "error")
        assert (video.processed_at is None) == self.unfinished
        assert jobs == len(self.jobs)


def test_a_video_lives_as_the_model_says(database: Database):
    class Life(VideoLife):
        pass

    Life.database = database
    Life.owner = make_user(database).id
    run_state_machine_as_test(
        Life,
        settings=settings(max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=[*HealthCheck]),
    )
