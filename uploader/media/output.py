"""One HLS rendition while it is written into the current folder (child process only)."""

import os
from collections.abc import Iterable
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from uploader.media.ladder import Rung
from uploader.media.pace import CLOCK, SEGMENT
from uploader.media.sound import RATE
from uploader.media.source import MAX_THREADS, AnyPacket, Source

REORDERED = 3  # frames that start before zero, at most, in decoding order …
LEAD = (0.1, 0.5)  # … for which there is room in this many seconds; else each rendition would be moved by its own
AUDIO_RATE = 128_000  # bits/s
BT709, LIMITED = 1, 1
FAR = 900  # frames: key frames are asked for one by one


class Output:
    """A playlist with its init file and segments; one of `copy_*` and `encode_*` is used for each stream."""

    def __init__(self, rung: Rung, source: Source, *, rate: Fraction, copy_audio: bool) -> None:
        self.rung = rung
        self._container: OutputContainer = av.open(f"{rung.name}.m3u8", "w", format="hls", options=_muxing(rung.name))
        self._video = (
            self._container.add_stream_from_template(source.video)
            if rung.copied
            else _encoder(self._container, rung, rate)
        )
        self._audio: AudioStream | None = None
        self._held: VideoFrame | None = None
        self._usual = round(CLOCK / rate)
        self._lead = min(max(LEAD[0], REORDERED / float(rate)), LEAD[1])
        if source.audio and copy_audio:
            self._audio = self._container.add_stream_from_template(source.audio)
        elif source.audio:
            self._audio = self._container.add_stream("aac", rate=RATE, layout="stereo")
            self._audio.bit_rate = AUDIO_RATE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._container.close()

    def copy_video(self, packet: AnyPacket, origin: float) -> None:
        """Take the packet over; `origin` (seconds) becomes zero."""
        self._copy(packet, self._video, origin)

    def copy_audio(self, packet: AnyPacket, origin: float) -> None:
        """Take the packet over; `origin` (seconds) becomes zero."""
        if self._audio:
            self._copy(packet, self._audio, origin)

    def encode_video(self, frame: VideoFrame, ticks: int, *, key: bool) -> None:
        """Show the frame at this time; `key`: a segment may start with it."""
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._encode_held(until=ticks)
        self._held = frame

    def _encode_held(self, until: int | None = None) -> None:
        """Encode the frame before: only now is it known how long it is seen, and a segment has to end with it."""
        if self._held is not None:
            self._held.duration = self._usual if until is None else until - (self._held.pts or 0)
            self._put(self._video.encode(self._held))
            self._held = None

    def encode_audio(self, frame: AudioFrame) -> None:
        """Let the frame be heard at its own time."""
        if self._audio:
            self._put(self._audio.encode(frame))

    def _copy(self, packet: AnyPacket, stream: VideoStream | AudioStream, origin: float) -> None:
        if packet.size:
            packet.stream = stream
            self._put([packet], origin)

    def _put(self, packets: Iterable[AnyPacket], origin: float = 0.0) -> None:
        for packet in packets:
            if packet.pts is not None and packet.dts is not None:
                offset = round((self._lead - origin) / packet.time_base)
                packet.pts += offset
                packet.dts += offset
                self._container.mux(packet)

    def _flush(self) -> None:
        self._encode_held()
        for stream in (self._video, self._audio):
            if stream is not None and stream.codec_context is not None and stream.codec_context.is_encoder:
                self._put(stream.encode(None))


def _muxing(name: str) -> dict[str, str]:
    return {
        "hls_time": str(SEGMENT),
        "hls_list_size": "0",
        "hls_playlist_type": "vod",
        "hls_flags": "independent_segments",
        "hls_segment_type": "fmp4",
        "hls_fmp4_init_filename": f"{name}-init.mp4",
        "hls_segment_filename": f"{name}-%05d.m4s",
    }


def _encoder(container: OutputContainer, rung: Rung, rate: Fraction) -> VideoStream:
    options = {
        "preset": "veryfast",
        "profile": "high",
        "crf": "23",
        "maxrate": str(rung.max_rate),
        "bufsize": str(2 * rung.max_rate),
        "g": str(FAR),
        "sc_threshold": "0",
        "forced-idr": "1",
    }
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, CLOCK)
    context.flags |= Flags.frame_duration
    context.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED
    return stream
