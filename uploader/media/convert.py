"""One pass over a source that feeds all its renditions (child process only)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import cast

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from uploader.media.ladder import Rung
from uploader.media.output import Output
from uploader.media.pace import CLOCK, Cutter, Pace, segment_starts
from uploader.media.picture import Scaler
from uploader.media.refusal import Refusal
from uploader.media.sound import Mixer
from uploader.media.source import AnyPacket, Facts, Source, decoded, packets, twin
from uploader.media.track import Track, copyable_audio

FASTEST = Fraction(60)
USUAL_RATE = Fraction(30)
PRIMING = 0.1  # seconds of sound a decoder needs before the start; files that were cut may hold more


def convert(
    source: Source, facts: Facts, rungs: Sequence[Rung], track: Track | None, max_duration: float
) -> Iterator[float]:
    """Write the renditions into the current folder; yields the share that is done, 0 to 1, now and then.

    Memory does not grow with the length. Raises Refusal when the video goes on for longer than `max_duration` seconds.
    """
    copy_audio = copyable_audio(facts)
    rate = min(facts.rate or USUAL_RATE, FASTEST)
    with ExitStack() as stack:
        outputs = [stack.enter_context(Output(rung, source, rate=rate, copy_audio=copy_audio)) for rung in rungs]
        copies = [output for output in outputs if output.rung.copied]
        pictures = _Pictures(facts, [output for output in outputs if not output.rung.copied], track)
        sounds = _Sounds(facts, outputs)
        for packet in packets(source, *source.streams):
            time = _time(packet) - facts.origin
            if time > max_duration:
                raise Refusal("video_too_long", detail=f"goes on after {max_duration:.0f} s")
            if packet.stream is source.video:
                pictures.take(packet)
                for output in copies:
                    output.copy_video(packet, facts.origin)
            elif copy_audio:
                for output in outputs if time > -PRIMING else ():
                    output.copy_audio(twin(packet), facts.origin)
            else:
                sounds.take(packet)
            yield _share(packet, time, facts)
        pictures.end()
        sounds.end()


class _Pictures:
    """The way of the picture: decoded once, thinned, scaled, encoded in every size."""

    def __init__(self, facts: Facts, outputs: Sequence[Output], track: Track | None) -> None:
        starts = segment_starts([_ticks(key - facts.origin) for key in track.keys]) if track else None
        self._origin = facts.origin
        self._targets = [(output, Cutter(starts)) for output in outputs]
        self._pace = Pace()
        sizes = [(output.rung.width, output.rung.height) for output in outputs]
        self._scaler = Scaler(sizes, rotation=facts.rotation, progressive=facts.progressive)

    def take(self, packet: AnyPacket) -> None:
        for frame in cast("list[VideoFrame]", decoded(packet)) if self._targets else ():
            if frame.pts is not None and self._pace.shows(self._ticks_of(frame)):
                self._write(self._scaler.scaled(frame))

    def end(self) -> None:
        self._write(self._scaler.rest())

    def _write(self, scaled: Iterable[tuple[int, VideoFrame]]) -> None:
        for index, frame in scaled:
            output, cutter = self._targets[index]
            ticks = self._ticks_of(frame)
            output.encode_video(frame, ticks, key=cutter.starts(ticks))

    def _ticks_of(self, frame: VideoFrame) -> int:
        return _ticks((frame.time or 0.0) - self._origin)


class _Sounds:
    """The way of the sound: decoded and mixed once, encoded into every rendition."""

    def __init__(self, facts: Facts, outputs: Sequence[Output]) -> None:
        self._mixer = Mixer(facts.origin)
        self._outputs = outputs

    def take(self, packet: AnyPacket) -> None:
        for frame in cast("list[AudioFrame]", decoded(packet)):
            self._write(self._mixer.mixed(frame))

    def end(self) -> None:
        self._write(self._mixer.rest())

    def _write(self, frames: Iterable[AudioFrame]) -> None:
        for frame in frames:
            for output in self._outputs:
                output.encode_audio(frame)


def _ticks(seconds: float) -> int:
    return round(seconds * CLOCK)


def _time(packet: AnyPacket) -> float:
    stamp = packet.dts if packet.pts is None else packet.pts
    return float((stamp or 0) * packet.time_base)


def _share(packet: AnyPacket, time: float, facts: Facts) -> float:
    if facts.duration:
        return min(1.0, max(0.0, time / facts.duration))
    return min(1.0, (packet.pos or 0) / facts.size)
