from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from tests.media import clips
from tests.media.watch import colour
from uploader.errors import NotAVideo
from uploader.media import frame


def _picture(path: Path) -> VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def test_a_frame_is_a_jpeg_of_the_width_asked_for(tmp_path: Path):
    frame(clips.h264(tmp_path / "film.mp4"), tmp_path / "thumb.jpg")
    assert (tmp_path / "thumb.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    picture = _picture(tmp_path / "thumb.jpg")
    assert (picture.width, picture.height) == (448, 252)
    red, green, blue = colour(picture, 0.05, 0.9)  # the test card's first bar
    assert red > 220
    assert max(green, blue) < 40


def test_a_small_video_is_not_blown_up(tmp_path: Path):
    frame(clips.h264(tmp_path / "film.mp4", size=(321, 181), pixels="yuv444p"), tmp_path / "thumb.jpg")
    assert _picture(tmp_path / "thumb.jpg").width == 320


def test_a_frame_of_a_turned_video_stands_upright(tmp_path: Path):
    frame(clips.h264(tmp_path / "film.mp4", rotation=90), tmp_path / "thumb.jpg")
    picture = _picture(tmp_path / "thumb.jpg")
    assert (picture.width, picture.height) == (360, 640)
    assert colour(picture, 0.9, 0.95)[0] > 200, "the red bar, at the left of the stored picture, is below"
    assert colour(picture, 0.9, 0.02)[0] < 80, "the cyan bar is above"


@pytest.mark.parametrize("at", [0, 1.5, 60])
def test_any_moment_gives_a_frame(tmp_path: Path, at: float):
    frame(clips.vp9(tmp_path / "film.webm"), tmp_path / "thumb.jpg", at=at)
    assert _picture(tmp_path / "thumb.jpg").width == 448


def test_a_stream_whose_only_key_frame_comes_before_its_start_gives_a_frame(tmp_path: Path):
    film = clips.h264(tmp_path / "film.ts", 5, container="ts", gop=300, preset="veryfast")
    frame(film, tmp_path / "thumb.jpg")
    assert _picture(tmp_path / "thumb.jpg").width == 448


def test_the_moment_is_a_tenth_into_the_video(tmp_path: Path):
    dark_at_first = clips.h264(tmp_path / "film.mp4", 4, effect="fade=in:st=0:d=0.3")
    frame(dark_at_first, tmp_path / "thumb.jpg")
    assert max(colour(_picture(tmp_path / "thumb.jpg"), 0.05, 0.9)) > 200


def test_a_refused_file_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(NotAVideo):
        frame(tmp_path / "film.mp4", tmp_path / "thumb.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
