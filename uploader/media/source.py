"""Opens foreign video (child process only): containers by white list, local files only, no references followed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from uploader.media.refusal import Refusal

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
ON_OPEN = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_streams": "100"}
MICROSECONDS = 1_000_000
MAX_PIXELS = 8192 * 8192
MAX_THREADS = 8  # more would only cost memory
NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
PROGRESSIVE = {0, 1}  # FFmpeg's field orders "unknown" and "progressive"
PQ, HLG = 16, 18  # transfer curves of high dynamic range
HEADS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # at byte 4 of MP4 and QuickTime files
AnyPacket: TypeAlias = "Packet[VideoStream | AudioStream]"
EBML = b"\x1a\x45\xdf\xa3"  # at byte 0 of Matroska and WebM


@dataclass(frozen=True, slots=True)
class Source:
    """An open file, its moving picture and its sound."""

    container: InputContainer
    video: VideoStream
    audio: AudioStream | None

    @property
    def streams(self) -> tuple[VideoStream | AudioStream, ...]:
        """What is used of the file."""
        return (self.video,) if self.audio is None else (self.video, self.audio)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one look at a file tells: sizes upright with square pixels, times in seconds, rates in bits/s.

    `origin` is the file's own time at which it starts; `rotation` in degrees, counter-clockwise, turns it upright.
    """

    container: str
    size: int
    duration: float | None
    origin: float
    width: int
    height: int
    rotation: int
    square: bool
    progressive: bool
    rate: Fraction | None
    pixels: str
    hdr: bool
    video_codec: str
    video_profile: str
    level: int
    audio_codec: str | None
    audio_profile: str
    channels: int
    bit_rate: int | None


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The file, open. Raises Refusal where it is no video we take."""
    try:
        container = av.open(path, "r", container_options=ON_OPEN, metadata_errors="replace")
    except FileNotFoundError as problem:
        raise Refusal("file_missing", detail=str(problem)) from problem
    except PermissionError as problem:
        raise Refusal("file_unreadable", detail=str(problem)) from problem
    except FFmpegError as problem:
        raise Refusal("not_a_video", "damaged" if _looks_like_video(path) else "", str(problem)) from problem
    with container:
        yield _chosen(container)


def inspected(path: str) -> Facts:
    """One look: the headers, and the first picture for what only a decoder knows."""
    with opened(path) as source:
        video, audio, container = source.video, source.audio, source.container
        context = video.codec_context
        first = next(pictures(source), None)
        rotation = first.rotation % 360 if first else 0
        aspect = video.sample_aspect_ratio or Fraction(1)
        width, height = round(context.width * aspect), context.height
        if rotation in {90, 270}:
            width, height = height, width
        return Facts(
            container=container.format.name,
            size=container.size,
            duration=_duration(source),
            origin=(container.start_time or 0) / MICROSECONDS,
            width=width,
            height=height,
            rotation=rotation,
            square=aspect == 1,
            progressive=context.field_order in PROGRESSIVE and not (first and first.interlaced_frame),
            rate=video.average_rate or video.guessed_rate,
            pixels=context.pix_fmt or "",
            hdr=bool(first and first.color_trc in {PQ, HLG}),
            video_codec=context.codec.canonical_name,
            video_profile=video.profile or "",
            level=context.level,
            audio_codec=audio.codec_context.codec.canonical_name if audio else None,
            audio_profile=(audio.profile or "") if audio else "",
            channels=audio.codec_context.channels if audio else 0,
            bit_rate=container.bit_rate or None,
        )


def packets(source: Source, *streams: VideoStream | AudioStream) -> Iterator[AnyPacket]:
    """The file's packets as far as it can be read, then an empty one for each stream: its decoder gives what it held.

    A damaged tail ends the file like any other end.
    """
    demuxed = source.container.demux(*streams)
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, FFmpegError):
            break
        if packet.size:
            yield cast("AnyPacket", packet)
    for stream in streams:
        last = cast("AnyPacket", Packet())
        last.stream = stream
        if stream.time_base:
            last.time_base = stream.time_base
        yield last


def decoded(packet: AnyPacket) -> list[VideoFrame | AudioFrame]:
    """The frames of one packet; none of a damaged one."""
    try:
        return cast("list[VideoFrame | AudioFrame]", packet.decode())
    except FFmpegError:
        return []


def pictures(source: Source) -> Iterator[VideoFrame]:
    """The video's frames from where the file stands."""
    for packet in packets(source, source.video):
        yield from cast("list[VideoFrame]", decoded(packet))


def twin(packet: AnyPacket) -> AnyPacket:
    """A packet of its own with the same content: muxing changes the one it is given."""
    copy = cast("AnyPacket", Packet(bytes(packet)))
    copy.pts, copy.dts, copy.duration, copy.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    copy.is_keyframe = packet.is_keyframe
    return copy


def _chosen(container: InputContainer) -> Source:
    moving = [stream for stream in container.streams.video if not stream.disposition & NOT_MOVING]
    if not moving:
        raise Refusal("not_a_video", "silent", f"no moving picture in {container.format.name}")
    video = next((stream for stream in moving if stream.codec_context), None)
    if video is None:
        raise Refusal("not_a_video", "unknown", f"no decoder for {moving[0].codec_tag!r}")
    if not video.codec_context.width or not video.codec_context.height:
        raise Refusal("not_a_video", "damaged", "the picture has no size")
    if video.codec_context.width * video.codec_context.height > MAX_PIXELS:
        raise Refusal("not_a_video", "huge", f"{video.codec_context.width} × {video.codec_context.height}")
    audio = next((stream for stream in container.streams.audio if stream.codec_context), None)
    for stream in container.streams:
        if stream.codec_context:
            stream.codec_context.thread_type = ThreadType.AUTO
            stream.codec_context.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
    return Source(container, video, audio)


def _duration(source: Source) -> float | None:
    if source.container.duration:
        return source.container.duration / MICROSECONDS
    if source.video.duration and source.video.time_base:
        return float(source.video.duration * source.video.time_base)
    return None


def _looks_like_video(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123  (a path that is not UTF-8 stays what it is)
        head = file.read(8)
    return head[4:] in HEADS or head[:4] == EBML
