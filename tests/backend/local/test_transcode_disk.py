"""A disk that is full while a video is made: it waits, says so, and is made once there is room."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.backend.asking import eventually, status_of
from tests.backend.local.carry import carry, ended
from tests.backend.server import serving, signed_in
from tests.media import clips
from uploader import errors, media
from uploader.backend.config import Config
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, now

pytestmark = pytest.mark.one_database("a full disk")


class Disk:
    """As the real transcoder, but on a disk that is full until it is not."""

    def __init__(self) -> None:
        self.full = True

    def provider(self, config: Config, base_url: str, database: Database) -> LocalProvider:
        return LocalProvider(config, base_url, database, hls=self.hls)

    def hls(self, source: Path, folder: Path, **more: Any) -> media.HlsResult:  # noqa: ANN401  (handed on)
        if self.full:
            raise errors.DiskFull("no space left on device")
        return media.hls(source, folder, **more)


@pytest.mark.loud
def test_a_full_disk_makes_a_video_wait_and_costs_it_no_attempt(tmp_path: Path):
    disk = Disk()
    with serving(tmp_path / "server", {"local": disk.provider}) as backend, signed_in(backend) as person:
        video_id = carry(person, clips.h264(tmp_path / "clip.mp4"))
        eventually(lambda: status_of(person, video_id).get("stage") == "waiting_for_space")
        assert status_of(person, video_id)["status"] == "processing"

        def waits() -> bool:
            with backend.database.read() as session:
                row = session.scalars(select(JobRow).where(JobRow.kind == "transcode")).one()
                return row.lease_until is None and row.attempts == 0 and row.run_at > now() and row.done_at is None

        eventually(waits)
        disk.full = False
        with backend.database.write() as session:
            session.scalars(select(JobRow).where(JobRow.kind == "transcode")).one().run_at = now()
        assert ended(person, video_id)["status"] == "ready"
