import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media import clips
from tests.media.watch import colour, watched
from tests.needs import need_program
from uploader.media import HlsResult, hls
from uploader.media.present import Throttle


def _made(source: Path, folder: Path) -> HlsResult:
    return hls(source, folder, on_progress=lambda _: None, cancelled=lambda: False, max_duration=600)


def _packets(path: Path) -> Iterator[bytes]:
    with av.open(str(path)) as container:
        yield from (bytes(packet) for packet in container.demux(video=0) if packet.size)


def _segments(playlist: Path) -> list[float]:
    return [float(seconds) for seconds in re.findall(r"#EXTINF:([\d.]+)", playlist.read_text())]


def test_a_presentation_is_complete_and_nothing_else_is_left(tmp_path: Path):
    _made(clips.vp9(tmp_path / "film.webm"), tmp_path / "out")
    out = tmp_path / "out"
    listed = [line for line in (out / "360p.m3u8").read_text().splitlines() if line and not line.startswith("#")]
    assert {path.name for path in out.iterdir()} == {
        "index.m3u8", "poster.jpg", "progressive.mp4", "360p.m3u8", "360p-init.mp4", *listed,
    }  # fmt: skip
    assert all((out / name).stat().st_size for name in listed)
    assert {path.name for path in tmp_path.iterdir()} == {"film.webm", "out"}


def test_a_webm_becomes_h264_and_aac_that_play(tmp_path: Path):
    result = _made(clips.vp9(tmp_path / "film.webm", 9), tmp_path / "out")
    seen = watched(tmp_path / "out" / "index.m3u8")
    assert seen.frames == 270
    assert (seen.size, seen.pixels, seen.channels) == ((640, 360), "yuv420p", 2)
    assert seen.samples / 48_000 == pytest.approx(9, abs=0.1)
    assert seen.keys == pytest.approx([seen.times[0] + at for at in (0, 4, 8)], abs=0.05)
    assert _segments(tmp_path / "out" / "360p.m3u8") == pytest.approx([4, 4, 1], abs=0.05)
    assert result.duration == pytest.approx(9, abs=0.1)
    assert (result.width, result.height, result.codec) == (640, 360, "h264")


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"], ids=["without B frames", "with B frames"])
def test_h264_of_a_sane_size_is_taken_over_bit_for_bit(tmp_path: Path, preset: str):
    source = clips.h264(tmp_path / "film.mp4", 5, preset=preset)
    result = _made(source, tmp_path / "out")
    assert [one.remuxed for one in result.renditions] == [True]
    assert list(_packets(tmp_path / "out" / "index.m3u8")) == list(_packets(source))
    assert list(_packets(tmp_path / "out" / "progressive.mp4")) == list(_packets(source))
    assert watched(tmp_path / "out" / "index.m3u8").frames == 150


@pytest.mark.parametrize(
    "more",
    [
        {"container": "mkv", "audio_codec": "libopus"},
        {"container": "mov", "audio_codec": "pcm_s16le"},
        {"channels": "5.1"},
    ],
    ids=["opus", "pcm", "surround"],
)
def test_only_the_sound_is_made_anew_where_only_the_sound_needs_it(tmp_path: Path, more: dict[str, Any]):
    source = clips.h264(tmp_path / "film", **more)
    result = _made(source, tmp_path / "out")
    assert result.renditions[0].remuxed
    assert result.renditions[0].codecs.endswith(",mp4a.40.2")
    seen = watched(tmp_path / "out" / "index.m3u8")
    assert (seen.frames, seen.channels) == (60, 2)
    assert seen.samples / 48_000 == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"pixels": "yuv420p10le"}, (640, 360)),
        ({"pixels": "yuv444p", "size": (641, 361)}, (640, 360)),
        ({"gop": 600, "seconds": 12, "size": (320, 180)}, (320, 180)),
        ({"container": "ts"}, (640, 360)),
        ({"container": "avi", "audio_codec": "libmp3lame"}, (640, 360)),
        ({"interlaced": True}, (640, 360)),
        ({"rotation": 180}, (640, 360)),
        ({"rotation": -90}, (360, 640)),
        ({"bit_rate": 40_000_000, "effect": "noise=alls=100:allf=t"}, (640, 360)),
    ],
    ids=[
        "10 bits",
        "odd 4:4:4",
        "one key frame",
        "transport stream",
        "avi",
        "interlaced",
        "upside down",
        "upright",
        "heavy",
    ],
)
def test_what_browsers_would_not_play_well_is_made_anew(tmp_path: Path, more: dict[str, Any], size: tuple[int, int]):
    result = _made(clips.h264(tmp_path / "film", **more), tmp_path / "out")
    assert [one.remuxed for one in result.renditions] == [False]
    seen = watched(tmp_path / "out" / "index.m3u8")
    assert (seen.size, seen.pixels) == (size, "yuv420p")
    assert seen.frames == 30 * more.get("seconds", 2)


def test_a_trimmed_video_starts_where_it_was_trimmed(tmp_path: Path):
    result = _made(clips.trimmed(tmp_path / "film.mp4"), tmp_path / "out")
    assert result.duration == pytest.approx(3.7, abs=0.05)
    seen = watched(tmp_path / "out" / "progressive.mp4")
    assert seen.times[0] == pytest.approx(0, abs=0.11), "but for what a decoder of sound needs before"
    assert seen.samples / 48_000 == pytest.approx(3.7, abs=0.15)


def test_a_turned_video_stands_upright(tmp_path: Path):
    _made(clips.h264(tmp_path / "film.mp4", rotation=90), tmp_path / "out")
    for name in ("index.m3u8", "progressive.mp4", "poster.jpg"):
        picture = watched(tmp_path / "out" / name).first
        assert (picture.width, picture.height) == (360, 640)
        assert picture.rotation == 0
        assert colour(picture, 0.9, 0.95)[0] > 200, "the red bar, at the left of the stored picture, is below"
        assert colour(picture, 0.9, 0.02)[0] < 80, "the cyan bar is above"


def test_a_full_hd_source_gets_three_renditions_cut_at_the_same_moments(tmp_path: Path):
    source = clips.h264(tmp_path / "film.mp4", 6, (1920, 1080), rate=12, gop=20)
    result = _made(source, tmp_path / "out")
    assert [(one.width, one.height, one.remuxed) for one in result.renditions] == [
        (1920, 1080, True),
        (1280, 720, False),
        (640, 360, False),
    ]
    renditions = [watched(tmp_path / "out" / one.playlist) for one in result.renditions]
    cuts = [_segments(tmp_path / "out" / one.playlist) for one in result.renditions]
    assert cuts == [pytest.approx([5, 1], abs=0.01)] * 3
    for seen in renditions:
        assert seen.frames == 72
        assert seen.times == pytest.approx(renditions[0].times, abs=0.002)
    assert watched(tmp_path / "out" / "progressive.mp4").size == (1280, 720)


def test_the_master_playlist_says_what_is_really_there(tmp_path: Path):
    result = _made(clips.h264(tmp_path / "film.mp4", 5, (1280, 720), rate=10, pixels="yuv444p"), tmp_path / "out")
    lines = (tmp_path / "out" / "index.m3u8").read_text().splitlines()
    assert [one.height for one in result.renditions] == [720, 360]
    for one, (facts, name) in zip(result.renditions, zip(lines[3::2], lines[4::2], strict=True), strict=True):
        assert name == one.playlist
        with av.open(str(tmp_path / "out" / name)) as container:
            header = container.streams.video[0].codec_context.extradata or b""
        assert f'CODECS="avc1.{header[1:4].hex()},mp4a.40.2"' in facts
        assert f"RESOLUTION={one.width}x{one.height}," in facts
        sizes = [8 * path.stat().st_size for path in sorted((tmp_path / "out").glob(f"{one.height}p-0*.m4s"))]
        seconds = _segments(tmp_path / "out" / name)
        assert f"AVERAGE-BANDWIDTH={sum(sizes) / sum(seconds):.0f}," in facts
        assert f":BANDWIDTH={max(sizes[0] / seconds[0], sum(sizes) / sum(seconds)):.0f}," in facts


def test_a_silent_film_stays_silent(tmp_path: Path):
    result = _made(clips.h264(tmp_path / "film.mp4", audio=False, pixels="yuv444p"), tmp_path / "out")
    assert re.fullmatch(r"avc1\.[0-9a-f]{6}", result.renditions[0].codecs)
    assert watched(tmp_path / "out" / "progressive.mp4").samples == 0


def test_uneven_frame_times_stay_as_they_are(tmp_path: Path):
    uneven = "select=not(mod(n\\,7)*mod(n\\,3))"
    source = clips.h264(tmp_path / "film.mp4", 6, pixels="yuv444p", effect=uneven)
    _made(source, tmp_path / "out")
    before, after = watched(source), watched(tmp_path / "out" / "index.m3u8")
    shown = [at - before.times[0] for at in before.times]
    assert [at - after.times[0] for at in after.times] == pytest.approx(shown, abs=0.002)


def test_no_more_than_sixty_frames_a_second_are_kept(tmp_path: Path):
    _made(clips.h264(tmp_path / "film.mp4", rate=120, pixels="yuv444p"), tmp_path / "out")
    assert watched(tmp_path / "out" / "index.m3u8").frames == 120


def test_high_dynamic_range_becomes_ordinary_and_bright_enough(tmp_path: Path):
    _made(clips.h264(tmp_path / "film.mp4", 1, (320, 180), pixels="yuv420p10le", hdr=True), tmp_path / "out")
    picture = watched(tmp_path / "out" / "index.m3u8").first
    assert (picture.format.name, picture.color_trc, picture.color_primaries) == ("yuv420p", 1, 1)
    assert max(colour(picture, 0.05, 0.9)) > 150


def test_the_progressive_file_starts_with_its_index(tmp_path: Path):
    _made(clips.vp9(tmp_path / "film.webm"), tmp_path / "out")
    content = (tmp_path / "out" / "progressive.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert watched(tmp_path / "out" / "progressive.mp4").frames == 60


def test_names_of_files_and_folders_do_not_matter(tmp_path: Path):
    odd = tmp_path / "100% #1 %d Löwe"
    result = _made(clips.h264(odd / "ü#1 %05d.mp4"), odd / "out?x=[1]")
    assert result.duration == pytest.approx(2, abs=0.1)
    assert (odd / "out?x=[1]" / "index.m3u8").exists()


def test_a_second_time_replaces_the_first(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale").touch()
    (tmp_path / ".out.left-by-a-crash").mkdir()
    _made(clips.h264(tmp_path / "film.mp4"), tmp_path / "out")
    assert not (tmp_path / "out" / "stale").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "out"}


def test_a_frame_from_the_past_does_not_take_progress_back():
    heard: list[float] = []
    told = Throttle(heard.append)
    for share in (0.5, 0.2, 0.7):
        told._next = 0.0
        told(share)
    assert heard == [50, 50, 70]


def test_progress_only_grows_and_ends_with_a_hundred(tmp_path: Path):
    heard: list[float] = []
    source = clips.vp9(tmp_path / "film.webm", 9)
    hls(source, tmp_path / "out", on_progress=heard.append, cancelled=lambda: False, max_duration=600)
    assert heard == sorted(heard)
    assert heard[0] >= 0
    assert heard[-1] == 100


@pytest.mark.parametrize("make", [clips.vp9, clips.h264], ids=["encoded", "copied"])
def test_another_ffmpeg_finds_no_fault(tmp_path: Path, make: Callable[[Path, float], Path]):
    ffmpeg = need_program("ffmpeg")
    _made(make(tmp_path / "film", 5), tmp_path / "out")
    for name in ("index.m3u8", "progressive.mp4"):
        checked = subprocess.run(
            [ffmpeg, "-v", "warning", "-xerror", "-i", tmp_path / "out" / name, "-map", "0", "-f", "null", "-"],
            capture_output=True,
            check=True,
        )
        assert checked.stderr == b""
