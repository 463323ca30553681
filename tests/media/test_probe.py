import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import clips
from uploader.media import Probe, probe


def test_a_video_is_described_with_its_size_duration_and_codecs(tmp_path: Path):
    found = probe(clips.h264(tmp_path / "film.mp4"))
    assert (found.width, found.height, found.video_codec, found.audio_codec) == (640, 360, "h264", "aac")
    assert found.duration == pytest.approx(2, abs=0.1)
    assert found.bit_rate == pytest.approx(2_000_000, rel=0.2)
    assert "mp4" in found.container


def test_a_webm_of_vp9_and_opus_is_a_video_too(tmp_path: Path):
    found = probe(clips.vp9(tmp_path / "film.webm"))
    assert (found.video_codec, found.audio_codec, found.container) == ("vp9", "opus", "matroska,webm")


def test_a_silent_film_has_no_audio_codec(tmp_path: Path):
    assert probe(clips.h264(tmp_path / "film.mp4", audio=False)).audio_codec is None


@pytest.mark.parametrize("rotation", [90, -90])
def test_a_turned_video_is_described_as_it_is_seen(tmp_path: Path, rotation: int):
    found = probe(clips.h264(tmp_path / "film.mp4", rotation=rotation))
    assert (found.width, found.height) == (360, 640)


@pytest.mark.parametrize("name", ["Löwe & Çay #1 100%.mp4", "-i.mp4", "a:b.mp4", "http:⁄⁄x?y=1.mp4", "映画 %d.mp4"])
def test_any_file_name_will_do(tmp_path: Path, name: str):
    assert probe(clips.h264(tmp_path / name)).width == 640


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names are Unicode")
def test_a_name_that_is_not_unicode_will_do(tmp_path: Path):
    assert probe(clips.h264(tmp_path / "caf\udce9.mp4")).width == 640


def test_the_extension_does_not_matter(tmp_path: Path):
    assert probe(clips.h264(tmp_path / "film.mp4").rename(tmp_path / "film.jpg")).video_codec == "h264"


def test_padding_does_not_disturb(tmp_path: Path):
    film = clips.heavy(tmp_path / "film.mp4", 3)
    assert film.stat().st_size == 3 << 20
    assert isinstance(probe(film), Probe)


def test_asking_never_loads_ffmpeg_into_this_process():
    asked = "import sys, uploader.media; raise SystemExit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", asked], check=True)
