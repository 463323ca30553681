"""Files that are made to hurt, through the whole server: each ends as one video that failed, and that is all."""

import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.backend.asking import eventually, status_of
from tests.backend.local.carry import ask, carry, ended
from tests.backend.server import Person, config_in, signed_in
from tests.media import clips, hostile
from tests.needs import need
from uploader import media
from uploader.backend.context import Backend
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.server import running
from uploader.backend.store.models import JobRow, Video, WebhookEvent
from uploader.media.ask import answered, readable
from uploader.media.limits import MIB, Limits

pytestmark = [pytest.mark.slow, pytest.mark.one_database("what is in files, and what reads them")]


def one_failure(backend: Backend, video_id: str, attempts: int) -> None:
    """The video failed once, after so many attempts, and there is nothing more to do about it."""

    def job(kind: str) -> JobRow:
        with backend.database.read() as session:
            return session.scalars(select(JobRow).where(JobRow.key == f"{kind}:{video_id}")).one()

    for kind in ("transcode", "deliver_webhook"):  # the news may be quicker than the note that it was sent
        eventually(lambda kind=kind: job(kind).done_at, within=60)  # type: ignore[misc]
    assert job("transcode").attempts == attempts
    with backend.database.read() as session:
        video = session.get_one(Video, video_id)
    assert (video.status, video.playback_url) == ("error", None)
    assert not (backend.config.data / "media" / video_id).exists()


def test_files_that_name_other_files_read_none_of_them(backend: Backend, ann: Person, tmp_path: Path) -> None:
    victim = carry(ann, clips.h264(tmp_path / "private.mp4"))
    assert ended(ann, victim)["status"] == "ready"
    (original,) = (backend.config.data / "uploads").iterdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/film.mp4"
        texts = {
            "concat": f"ffconcat version 1.0\nfile {original}\n",
            "concat-beside": f"ffconcat version 1.0\nfile {original.name}\n",
            "playlist": hostile.PLAYLIST.format(url=original),
            "playlist-elsewhere": hostile.PLAYLIST.format(url=url),
            "dash-elsewhere": hostile.DASH.format(url=url),
        }
        for name, text in texts.items():
            (tmp_path / f"{name}.mp4").write_text(text)
        sent = [carry(ann, tmp_path / f"{name}.mp4") for name in texts]
        for video_id in sent:
            status = ended(ann, video_id)
            assert (status["status"], status["error"]["code"]) == ("error", "not_a_video")
            one_failure(backend, video_id, attempts=1)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    with backend.database.read() as session:
        assert session.scalar(select(func.count()).select_from(WebhookEvent)) == 1 + len(texts)
    assert status_of(ann, victim)["status"] == "ready"


BOMBS = {
    "processor": (partial(clips.vp9, seconds=8), Limits(cpu=1, memory=4096 * MIB, file_size=256 * MIB)),
    "memory": (partial(clips.h264, seconds=2), Limits(cpu=60, memory=64 * MIB, file_size=256 * MIB)),
    "file size": (partial(clips.h264, seconds=1), Limits(cpu=60, memory=4096 * MIB, file_size=10_000)),
}


@pytest.mark.loud
def test_bombs_end_at_their_limits_as_one_failed_video_each(tmp_path: Path) -> None:
    need(sys.platform == "linux", "Linux's limits")
    limits: dict[int, Limits] = {}

    def hls(source: Path, folder: Path, *, max_duration: float, **how: Callable[..., Any]) -> media.HlsResult:
        """As the real one, but that each file has limits of its own, which it goes beyond."""
        draft = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.")
        try:
            request = {"do": "hls", "path": readable(source), "folder": draft, "max_duration": max_duration}
            answered(request, limits[source.stat().st_size], timeout=60, **how)
        finally:
            shutil.rmtree(draft)
        raise AssertionError("it stayed within its limits")

    def files() -> Iterator[Path]:
        for name, (make, limit) in BOMBS.items():
            file = make(tmp_path / f"{name}.mp4")
            limits[file.stat().st_size] = limit
            yield file

    local = partial(LocalProvider, hls=hls)
    with running(config_in(tmp_path / "server"), {"local": local}) as backend, signed_in(backend) as ann:
        sent = [carry(ann, file) for file in files()]
        assert len(limits) == len(BOMBS)
        for video_id in sent:
            status = ended(ann, video_id)
            assert (status["status"], status["error"]["code"]) == ("error", "media_failed")
            one_failure(backend, video_id, attempts=2)
        assert not any((backend.config.data / "media").iterdir())
        assert ask(ann, tmp_path / "memory.mp4")["videoId"], "the server goes on"
