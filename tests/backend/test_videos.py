import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select, update

from tests.backend.fake_provider import FakeProvider
from tests.backend.server import make_user
from uploader.backend import tickets, videos
from uploader.backend.config import Config
from uploader.backend.context import Backend
from uploader.backend.problems import ApiProblem
from uploader.backend.providers.base import Grant, Order, Sight
from uploader.backend.routes.videos import renewed_upload_url
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, VideoUpload, new_id
from uploader.wire import ChunkRules, Ticket

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def add_video(database: Database, user_id: str) -> str:
    video_id = new_id()
    common = {
        "id": video_id, "user_id": user_id, "filename": "a.mp4", "file_size": 1, "mime_type": "video/mp4",
        "provider": "local",
    }  # fmt: skip
    with database.write() as session:
        session.add(Video(**common, provider_upload_id=f"upload {video_id}", upload_url="http://x/files/1"))
        session.flush()
        session.add(VideoUpload(**common, upload_url="http://x/files/1", expires_at=NOON + AN_HOUR))
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


class Elsewhere(FakeProvider):
    """Makes a new upload in the place of one that is over. `meanwhile` happens while it is asked."""

    meanwhile: Callable[[], None] | None = None
    made: str | None = None

    def grant(self, order: Order) -> Grant:
        super().grant(order)
        if self.meanwhile is not None:
            self.meanwhile()
        self.made, held = None, order.held
        if held is not None and held.expires_at > NOON:
            return Grant(held.upload_id, held.upload_url, "tus", ChunkRules(default=1), held.expires_at)
        self.made = f"upload {len(self.orders)} of {order.video_id}"
        return Grant(self.made, f"http://x/{self.made}", "tus", ChunkRules(default=1), NOON + AN_HOUR)


class VideoLife(RuleBasedStateMachine):
    """Whatever comes in whatever order, the database does what this small model says."""

    backend: ClassVar[Backend]
    provider: ClassVar[Elsewhere]
    owners: ClassVar = count()

    def __init__(self) -> None:
        super().__init__()
        self.database = self.backend.database
        self.owner = make_user(self.database, f"owner{next(self.owners)}")
        self.video_id = add_video(self.database, self.owner.id)
        self.upload, self.address = f"upload {self.video_id}", "http://x/files/1"
        self.over = False
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

    @precondition(lambda self: self.status == "uploading")
    @rule()
    def let_the_ticket_expire(self) -> None:
        with self.database.write() as session:
            mine = update(VideoUpload).where(VideoUpload.id == self.video_id)
            session.execute(mine.values(expires_at=NOON - AN_HOUR))
        self.over = True

    @rule(meanwhile=st.sampled_from(["nothing", "receive", "cancel", "become_ready"]))
    def renew(self, meanwhile: str) -> None:
        """POST /api/videos/{id}/upload-url, while something else may happen to the video."""
        asked = self.status == "uploading"
        self.provider.meanwhile = None if meanwhile == "nothing" else getattr(self, meanwhile)
        said = self.ask_for_a_ticket()
        unwanted = self.provider.made
        if isinstance(said, Ticket):
            assert self.status == "uploading"
            if self.provider.made is not None:
                unwanted, self.upload, self.address = self.upload, self.provider.made, f"http://x/{self.provider.made}"
            assert (said.upload_url, said.expires_at) == (self.address, NOON + AN_HOUR)
        else:
            assert (said.status, said.code) == (409, tickets.OVER[self.status][1])
        if asked and self.over:
            self.jobs.add(f"forget {unwanted}")
        self.over = self.over and self.status != "uploading"

    def ask_for_a_ticket(self) -> Ticket | ApiProblem:
        try:
            return renewed_upload_url(self.video_id, self.owner, self.backend)
        except ApiProblem as problem:
            return problem

    @invariant()
    def the_database_agrees(self) -> None:
        with self.database.read() as session:
            video = session.get_one(Video, self.video_id)
            upload = session.get_one(VideoUpload, self.video_id)
            jobs = session.scalar(select(func.count()).where(JobRow.key.contains(self.video_id)))
        assert (video.status, video.version, upload.status) == (self.status, self.version, self.status)
        assert (video.stage, video.percent) == (self.place if self.status == "processing" else (None, None))
        assert video.upload_url == upload.upload_url == (self.address if self.status == "uploading" else None)
        assert (video.playback_url is not None) == (self.status == "ready")
        assert (video.error_code is not None) == (self.status == "error")
        assert (video.processed_at is None) == self.unfinished
        assert jobs == len(self.jobs)
        assert (video.provider_upload_id, upload.granting_until) == (self.upload, None)


def test_a_video_lives_as_the_model_says(database: Database, tmp_path: Path):
    class Life(VideoLife):
        pass

    config = Config.load({}, tmp_path / "data")
    Life.provider = Elsewhere(config, "http://x", database)
    Life.backend = Backend(config, database, {"local": Life.provider}, lambda: NOON, "http://x")
    run_state_machine_as_test(
        Life,
        settings=settings(max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=[*HealthCheck]),
    )
