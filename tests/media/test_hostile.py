import os
import socket
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.media import hostile
from uploader.errors import FileEmpty, FileMissing, FileUnreadable, NotAFile, NotAVideo, ReelferryError
from uploader.media import frame, hls, probe


def _missing(path: Path) -> Path:
    return path


def _empty(path: Path) -> Path:
    path.touch()
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


@pytest.mark.parametrize("make", hostile.NOT_A_VIDEO.values(), ids=hostile.NOT_A_VIDEO)
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, make: Callable[[Path], Path]):
    with pytest.raises(NotAVideo) as refused:
        probe(make(tmp_path / "film.mp4"))
    assert refused.value.code == "not_a_video"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_missing, FileMissing),
        (_empty, FileEmpty),
        (_folder, NotAFile),
        pytest.param(_pipe, NotAFile, marks=pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")),
        (_loop, FileUnreadable),
    ],
    ids=["missing", "empty", "folder", "pipe", "loop"],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, make: Callable[[Path], Path], error: type[ReelferryError]):
    with pytest.raises(error):
        probe(make(tmp_path / "film.mp4"))


@pytest.mark.parametrize("make", [hostile.concat, hostile.text, hostile.half])
def test_every_question_refuses_alike(tmp_path: Path, make: Callable[[Path], Path]):
    film = make(tmp_path / "film.mp4")
    with pytest.raises(NotAVideo):
        frame(film, tmp_path / "thumb.jpg")
    with pytest.raises(NotAVideo):
        hls(film, tmp_path / "out", on_progress=lambda _: None, cancelled=lambda: False, max_duration=60)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "thumb.jpg").exists()


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (hostile.half, "The video is damaged or not complete"),
        (hostile.song, "There is no picture in this file"),
        (hostile.enormous, "The picture is too large"),
        (hostile.text, "This is not a video"),
    ],
)
def test_the_words_say_what_is_wrong(tmp_path: Path, make: Callable[[Path], Path], title: str):
    with pytest.raises(NotAVideo) as refused:
        probe(make(tmp_path / "film.mp4"))
    assert refused.value.title == title
    assert refused.value.hint


def test_without_our_options_ffmpeg_would_have_read_the_other_file(tmp_path: Path):
    with av.open(str(hostile.concat(tmp_path / "film.mp4"))) as container:
        assert container.format.name == "concat"
        assert next(container.decode(video=0)).width == 640


@pytest.mark.parametrize("manifest", [hostile.PLAYLIST, hostile.DASH], ids=["HLS", "DASH"])
def test_no_address_in_a_file_is_ever_called(tmp_path: Path, manifest: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        film = tmp_path / "film.mp4"
        film.write_text(manifest.format(url=f"http://127.0.0.1:{listener.getsockname()[1]}/film.mp4"))
        with pytest.raises(NotAVideo):
            probe(film)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
