"""A short look into a video (child process only): its facts, and one picture of it."""

import os
import time
from fractions import Fraction
from pathlib import Path

from av.codec import CodecContext
from av.error import FFmpegError
from av.video.frame import VideoFrame

from uploader.media.facts import Probe
from uploader.media.ladder import even
from uploader.media.picture import Scaler
from uploader.media.refusal import Refusal
from uploader.media.source import MICROSECONDS, Facts, Source, inspected, opened, pictures

PATIENCE = 5.0  # seconds spent on decoding towards the exact moment; then the frame at hand is good enough
EARLY = 0.1  # of the duration: late enough to be past a fade from black


def probe(path: str) -> Probe:
    """What is in the file."""
    facts = inspected(path)
    return Probe(
        facts.duration,
        facts.width,
        facts.height,
        facts.video_codec,
        facts.audio_codec,
        facts.bit_rate,
        facts.container,
    )


def frame(path: str, target: str, *, at: float | None, width: int) -> None:
    """Write one picture as a JPEG, at most `width` wide, whole or not at all."""
    write_still(path, inspected(path), Path(target), at=at, width=width)


def write_still(path: str, facts: Facts, target: Path, *, at: float | None, width: int) -> None:
    """As `frame`, for a file that was inspected before."""
    moment = facts.origin + (at if at is not None else (facts.duration or 0) * EARLY)
    with opened(path) as source:
        picture = _picture_at(source, moment, seek=True)
    if picture is None:  # beyond the end, or there is no key frame to be found from there
        with opened(path) as source:
            picture = _picture_at(source, moment, seek=False)
    if picture is None:
        raise Refusal("not_a_video", "damaged", "no picture could be decoded")
    width = even(min(width, facts.width))
    height = even(width * facts.height // facts.width)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(_jpeg(picture, facts, (width, height)))
    os.replace(part, target)  # noqa: PTH105  (replaces on Windows, too)


def _picture_at(source: Source, moment: float, *, seek: bool) -> VideoFrame | None:
    """The first frame at or after the moment, or the last there is."""
    if seek:
        try:
            source.container.seek(int(moment * MICROSECONDS))
        except FFmpegError:
            return None
    found = None
    enough = time.monotonic() + PATIENCE
    for found in pictures(source):
        if found.time is None or found.time >= moment or time.monotonic() > enough:
            break
    return found


def _jpeg(picture: VideoFrame, facts: Facts, size: tuple[int, int]) -> bytes:
    scaler = Scaler([size], rotation=facts.rotation, progressive=facts.progressive, pixels="yuvj420p")
    still = next(small for part in (scaler.scaled(picture), scaler.rest()) for _, small in part)
    encoder = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin, encoder.qmax = 2, 6
    still.pts = 0
    return b"".join(bytes(packet) for part in (still, None) for packet in encoder.encode(part))
