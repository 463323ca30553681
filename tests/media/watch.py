"""Watches a finished video from beginning to end, with FFmpeg's own decoders: the counterpart of what we write."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Watched:
    """What was seen and heard: sizes in pixels, times in seconds."""

    frames: int
    size: tuple[int, int]
    pixels: str
    times: list[float]
    keys: list[float]
    samples: int
    channels: int
    first: VideoFrame

    @property
    def seconds(self) -> float:
        """From the first picture to the last."""
        return self.times[-1] - self.times[0]


def watched(path: Path) -> Watched:
    """Decode everything; any fault in it raises."""
    times: list[float] = []
    keys: list[float] = []
    samples = channels = 0
    first: VideoFrame | None = None
    with av.open(str(path)) as container:
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for frame in container.decode(*streams):
            if isinstance(frame, VideoFrame):
                first = first or frame
                times.append(frame.time)
                if frame.key_frame:
                    keys.append(frame.time)
            elif isinstance(frame, AudioFrame):
                samples += frame.samples
                channels = len(frame.layout.channels)
    assert first is not None
    return Watched(len(times), (first.width, first.height), first.format.name, times, keys, samples, channels, first)


def colour(frame: VideoFrame, across: float, down: float) -> tuple[int, int, int]:
    """Red, green and blue at a place of the picture given as shares of its width and height."""
    small = frame.reformat(width=16, height=16, format="rgb24")
    plane = small.planes[0]
    at = int(down * 15) * plane.line_size + int(across * 15) * 3
    red, green, blue = bytes(plane)[at : at + 3]
    return red, green, blue
