"""Whether a file's own H.264 can be served as it is, and where it can be cut (child process only)."""

from collections.abc import Callable
from dataclasses import dataclass

from av.stream import Discard

from uploader.media.ladder import LINES, copy_limit
from uploader.media.source import AnyPacket, Facts, Source, opened, packets

LONGEST_GAP = 10.5  # seconds between key frames: encoders' habitual 250 frames at 24 a second
MP4_LIKE = ("mov,", "matroska,", "flv")  # these carry H.264 with its headers apart, as HLS wants it
PROFILES = ("Constrained Baseline", "Baseline", "Main", "High")
HIGHEST_LEVEL = 42  # 1080p at 60 frames/s
IDR = 5  # the NAL unit type of pictures that nothing before is needed for


@dataclass(frozen=True, slots=True)
class Track:
    """A video track that can be copied: where its key frames are, in seconds of the file's own time."""

    keys: list[float]


def copyable_audio(facts: Facts) -> bool:
    """Whether the sound can be served as it is."""
    mp4_like = facts.container.startswith(MP4_LIKE)
    return mp4_like and facts.audio_codec == "aac" and facts.audio_profile == "LC" and facts.channels <= 2


def copyable_track(path: str, facts: Facts, alive: Callable[[], None]) -> Track | None:
    """The video track, if every packet of it says that it can be copied; reads the whole file once."""
    if not _promising(facts):
        return None
    with opened(path) as source:
        return _scanned(source, facts, alive)


def _promising(facts: Facts) -> bool:
    return (
        facts.video_codec == "h264"
        and facts.container.startswith(MP4_LIKE)
        and facts.video_profile in PROFILES
        and facts.level <= HIGHEST_LEVEL
        and facts.pixels in {"yuv420p", "yuvj420p"}
        and min(facts.width, facts.height) <= LINES[0]
        and facts.progressive
        and facts.square
        and not facts.rotation
        and not facts.hdr
    )


def _scanned(source: Source, facts: Facts, alive: Callable[[], None]) -> Track | None:
    for other in source.container.streams:
        if other is not source.video:
            other.discard = Discard.all
    header = source.video.codec_context.extradata or b""
    if header[:1] != b"\x01":
        return None
    length_size = (header[4] & 3) + 1
    keys: list[float] = []
    size, last, end = 0, None, 0.0
    for packet in packets(source, source.video):
        alive()
        if not packet.size:
            break
        if _broken(packet, last):
            return None
        end = float((packet.pts or 0) * packet.time_base)
        if packet.is_keyframe and starts_anew(bytes(packet), length_size):
            keys.append(end)
        if not keys or end - keys[-1] > LONGEST_GAP:
            return None
        size, last = size + packet.size, packet.dts
    lines = min(facts.width, facts.height)
    if not keys or size * 8 > copy_limit(lines, float(facts.rate or 0)) * max(1.0, end - keys[0]):
        return None
    return Track(keys)


def _broken(packet: AnyPacket, last: int | None) -> bool:
    timeless = packet.pts is None or packet.dts is None
    return timeless or packet.is_corrupt or packet.is_discard or (last is not None and (packet.dts or 0) <= last)


def starts_anew(packet: bytes, length_size: int) -> bool:
    """Whether an H.264 picture, its parts each behind their length, can be decoded without any before it."""
    position = 0
    while position + length_size < len(packet):
        length = int.from_bytes(packet[position : position + length_size], "big")
        position += length_size
        if packet[position] & 31 == IDR:
            return True
        position += length
    return False
