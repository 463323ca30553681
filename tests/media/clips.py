"""Makes small real video files for tests, with PyAV alone; each is encoded once a session, then copied."""

import functools
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MIB = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """What a clip is made of. `rotation` is display metadata, degrees counter-clockwise; `bit_rate` in bits/s."""

    seconds: float = 2
    size: tuple[int, int] = (640, 360)
    rate: int = 30
    bit_rate: int | None = None
    audio: bool = True
    channels: str = "stereo"
    rotation: int = 0
    gop: int = 30
    preset: str = "ultrafast"  # of x264; from "veryfast" on there are B frames
    pixels: str = "yuv420p"
    interlaced: bool = False
    hdr: bool = False  # tagged as BT.2020 with the PQ curve
    effect: str | None = None  # one libavfilter filter over the picture
    container: str = "mp4"  # a suffix
    video_codec: str = "libx264"
    audio_codec: str = "aac"


def h264(path: Path, seconds: float = 2, size: tuple[int, int] = (640, 360), **more: Any) -> Path:  # noqa: ANN401  (Recipe checks them)
    """H.264 and AAC, in mp4 unless told; `more` are fields of `Recipe`."""
    return _copied(Recipe(seconds, size, **more), path)


def vp9(path: Path, seconds: float = 2, size: tuple[int, int] = (640, 360), **more: Any) -> Path:  # noqa: ANN401  (Recipe checks them)
    """VP9 and Opus in WebM: what a browser's recorder makes; never remuxed into HLS."""
    return h264(path, seconds, size, container="webm", video_codec="libvpx-vp9", audio_codec="libopus", **more)


def noise(path: Path, seconds: float = 2, size: tuple[int, int] = (640, 360)) -> Path:
    """H.264 of frames that do not compress, 40 Mbit/s: a bit rate no viewer should be served."""
    return h264(path, seconds, size, bit_rate=40_000_000, effect="noise=alls=100:allf=t")


def heavy(path: Path, mebibytes: float = 24, seconds: float = 2, size: tuple[int, int] = (640, 360)) -> Path:
    """A valid H.264 mp4 of exactly this size: random bytes in a `free` box after a small clip. Quick at any size."""
    h264(path, seconds, size)
    rest = int(mebibytes * MIB) - path.stat().st_size
    if rest < 8:
        raise ValueError(f"a clip of {path.stat().st_size} bytes does not fit into {mebibytes} MiB")
    with path.open("ab") as file:
        file.write(rest.to_bytes(4, "big") + b"free")
        file.write(_padding(rest - 8))
    return path


def trimmed(path: Path, start: float = 1.3, seconds: float = 5) -> Path:
    """As phones trim: everything from the key frame before is kept, and an edit list says where to start."""
    whole = h264(path.with_name(f"whole-{path.name}"), seconds, gop=300, preset="veryfast")
    with (
        av.open(str(whole)) as source,
        av.open(str(path), "w", format="mp4", options={"avoid_negative_ts": "disabled"}) as output,
    ):
        streams = [source.streams.video[0], source.streams.audio[0]]
        targets = [output.add_stream_from_template(stream) for stream in streams]
        for packet in source.demux(*streams):
            if packet.pts is not None and packet.dts is not None:
                packet.pts -= round(start / packet.time_base)
                packet.dts -= round(start / packet.time_base)
                packet.stream = targets[streams.index(packet.stream)]
                output.mux(packet)
    return path


def _copied(recipe: Recipe, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_made(recipe), path)
    return path


@functools.lru_cache(maxsize=2)
def _padding(length: int) -> bytes:
    return random.Random(length).randbytes(length)  # noqa: S311  (not a secret)


@functools.cache
def _cache() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="clips-", ignore_cleanup_errors=True)


@functools.cache
def _made(recipe: Recipe) -> Path:
    folder = Path(_cache().name)
    path = folder / f"{len(list(folder.iterdir()))}.{recipe.container}"
    with av.open(str(path), "w") as output:
        video = output.add_stream(recipe.video_codec, rate=recipe.rate, options=_options(recipe))
        assert isinstance(video, VideoStream)
        video.width, video.height = recipe.size
        video.pix_fmt = recipe.pixels
        video.gop_size = recipe.gop
        if recipe.bit_rate:
            video.bit_rate = recipe.bit_rate
        if recipe.rotation:
            video.set_display_rotation(recipe.rotation)
        audio = None
        if recipe.audio:
            stream = output.add_stream(recipe.audio_codec, rate=48_000, layout=recipe.channels)
            assert isinstance(stream, AudioStream)
            audio = stream
        _fill(output, video, audio, recipe)
    return path


def _options(recipe: Recipe) -> dict[str, str]:
    if recipe.video_codec != "libx264":
        return {"deadline": "realtime", "cpu-used": "8"}
    options = {"preset": recipe.preset, "sc_threshold": "0"}
    if recipe.interlaced:
        options |= {"flags": "+ilme+ildct", "x264-params": "tff=1"}
    if recipe.hdr:
        options["x264-params"] = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    return options


def _fill(output: OutputContainer, video: VideoStream, audio: AudioStream | None, recipe: Recipe) -> None:
    pictures = _pictures(recipe)
    sounds = _sounds(recipe.seconds, audio) if audio else None
    heard = 0.0
    while picture := _pulled(pictures):
        assert isinstance(picture, VideoFrame)
        seen = float(picture.pts * picture.time_base) if picture.pts is not None and picture.time_base else 0.0
        picture.pict_type = 0
        output.mux(video.encode(picture))
        while audio and sounds and heard <= seen and (sound := _pulled(sounds)):
            assert isinstance(sound, AudioFrame)
            heard += sound.samples / sound.sample_rate
            output.mux(audio.encode(sound))
    while audio and sounds and (sound := _pulled(sounds)):
        assert isinstance(sound, AudioFrame)
        output.mux(audio.encode(sound))
    output.mux(video.encode(None))
    if audio:
        output.mux(audio.encode(None))


def _pulled(graph: Graph) -> VideoFrame | AudioFrame | None:
    try:
        return graph.pull()
    except (EOFError, BlockingIOError):
        return None


def _pictures(recipe: Recipe) -> Graph:
    graph = Graph()
    width, height = recipe.size
    nodes = [graph.add("testsrc2", f"size={width}x{height}:rate={recipe.rate}:duration={recipe.seconds}")]
    if recipe.effect:
        nodes.append(graph.add(*recipe.effect.split("=", 1)))
    nodes += [graph.add("format", recipe.pixels), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return graph


def _sounds(seconds: float, audio: AudioStream) -> Graph:
    graph = Graph()
    layout = audio.codec_context.layout.name
    graph.link_nodes(
        graph.add("sine", f"frequency=440:sample_rate=48000:duration={seconds}"),
        graph.add("aformat", f"sample_fmts={audio.codec_context.format.name}:channel_layouts={layout}"),
        graph.add("asetnsamples", f"n={audio.codec_context.frame_size or 1024}"),
        graph.add("abuffersink"),
    ).configure()
    return graph
