"""Reads the playlists that were written and writes the one that lists them all, from what is really there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uploader.media.facts import Rendition
from uploader.media.ladder import Rung
from uploader.media.refusal import Refusal

MASTER = "index.m3u8"
AAC_LC = "mp4a.40.2"


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a rendition: seconds and bytes."""

    duration: float
    size: int


def segments(playlist: Path) -> list[Segment]:
    """What a media playlist lists."""
    found: list[Segment] = []
    duration = 0.0
    for line in playlist.read_text().splitlines():
        if line.startswith("#EXTINF:"):
            duration = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line and not line.startswith("#"):
            found.append(Segment(duration, (playlist.parent / line).stat().st_size))
    return found


def described(folder: Path, rung: Rung, *, audio: bool) -> tuple[Rendition, float]:
    """A finished rendition and its duration in seconds. Raises Refusal where no picture came out."""
    playlist = folder / f"{rung.name}.m3u8"
    pieces = segments(playlist) if playlist.exists() else []
    duration = sum(piece.duration for piece in pieces)
    if not duration:
        raise Refusal("not_a_video", "damaged", "no picture could be decoded")
    codecs = video_codec((folder / f"{rung.name}-init.mp4").read_bytes()) + (f",{AAC_LC}" if audio else "")
    average = round(sum(piece.size for piece in pieces) * 8 / duration)
    rendition = Rendition(
        playlist.name, rung.width, rung.height, _peak(pieces, average), average, codecs, remuxed=rung.copied
    )
    return rendition, duration


def video_codec(init: bytes) -> str:
    """The RFC 6381 name of the H.264 in an init segment, from its decoder configuration."""
    at = init.index(b"avcC") + 4
    return f"avc1.{init[at + 1 : at + 4].hex()}"


def master(renditions: Sequence[Rendition], rate: float) -> str:
    """The text of the master playlist, best first."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for one in renditions:
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={one.peak},AVERAGE-BANDWIDTH={one.average},RESOLUTION={one.width}x{one.height},"
            f'FRAME-RATE={rate:.3f},CODECS="{one.codecs}"'
        )
        lines.append(one.playlist)
    return "\n".join(lines) + "\n"


def _peak(pieces: list[Segment], average: int) -> int:
    """The highest bit rate of a segment; a last one of a few frames says nothing."""
    target = max(piece.duration for piece in pieces)
    return max(average, *(round(piece.size * 8 / piece.duration) for piece in pieces if piece.duration >= target / 2))
