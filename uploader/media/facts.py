"""What this package says about video: frozen facts, in pixels, seconds and bits per second."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """What is in a file. Width and height are as seen: turned upright, with square pixels.

    `duration` is None where the file does not say (recordings of browsers); `container` is FFmpeg's name.
    """

    duration: float | None
    width: int
    height: int
    video_codec: str
    audio_codec: str | None
    bit_rate: int | None
    container: str


@dataclass(frozen=True, slots=True)
class Rendition:
    """One quality of an HLS presentation: `playlist` is its file name, `codecs` as in RFC 6381, `peak` in bits/s."""

    playlist: str
    width: int
    height: int
    peak: int
    average: int
    codecs: str
    remuxed: bool


@dataclass(frozen=True, slots=True)
class HlsResult:
    """A finished presentation; width, height, average bit rate and codec are those of its best rendition."""

    duration: float
    width: int
    height: int
    bitrate: int
    codec: str
    renditions: tuple[Rendition, ...]
