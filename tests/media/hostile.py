"""Files that are not what their names say; each is small and real."""

from collections.abc import Callable
from pathlib import Path

import av

from tests.media import clips

DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static"
 mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">
<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n"
STREAM = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)


def concat(path: Path) -> Path:
    """Names another local file, which FFmpeg would read as if it were this one."""
    secret = clips.h264(path.with_name("secret.mp4"))
    path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    return path


def local_playlist(path: Path) -> Path:
    """An HLS playlist of another local file."""
    clips.h264(path.with_name("secret.ts"), container="ts")
    path.write_text(PLAYLIST.format(url="secret.ts"))
    return path


def text(path: Path) -> Path:
    path.write_text("Not a film, a diary.\n" * 500)
    return path


def session_description(path: Path) -> Path:
    """Would open a network port to receive from."""
    path.write_text(STREAM)
    return path


def still(path: Path) -> Path:
    """A JPEG, which FFmpeg would show as a film of one frame."""
    with av.open(str(clips.h264(path.with_name("film.mp4")))) as film:
        picture = next(film.decode(video=0))
    picture.save(str(path.with_suffix(".jpg")))
    return path.with_suffix(".jpg").rename(path)


def song(path: Path) -> Path:
    """An MP4 without a moving picture."""
    with av.open(str(clips.h264(path.with_name("film.mp4")))) as film, av.open(str(path), "w", format="mp4") as output:
        sound = film.streams.audio[0]
        target = output.add_stream_from_template(sound)
        for packet in film.demux(sound):
            if packet.dts is not None:
                packet.stream = target
                output.mux(packet)
    return path


def half(path: Path) -> Path:
    """The first half of an MP4: its index, at the end, is missing."""
    clips.h264(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def enormous(path: Path) -> Path:
    """An AVI of a few bytes whose header claims a picture of 16,000 × 16,000."""
    with av.open(str(path), "w", format="avi") as output:
        video = output.add_stream("rawvideo", rate=25)
        video.width, video.height, video.pix_fmt = 32, 16, "yuv420p"
        output.mux(video.encode(av.VideoFrame(32, 16, "yuv420p")))
        output.mux(video.encode(None))
    size = (32).to_bytes(4, "little") + (16).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (16_000).to_bytes(4, "little") * 2))
    return path


NOT_A_VIDEO: dict[str, Callable[[Path], Path]] = {
    made.__name__: made for made in (concat, local_playlist, text, session_description, still, song, half, enormous)
}
