"""Makes a short video with picture and sound, for trying everything out where there is none at hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.video.frame import VideoFrame

WIDTH, HEIGHT = 1280, 720
RATE = 25
SAMPLES = 48_000


def sample(path: Path, seconds: int = 5) -> Path:
    """Write an MP4 (H.264, AAC) of `seconds` to `path`: colours that drift, and a quiet tone."""
    picture = _frames("gradients", f"size={WIDTH}x{HEIGHT}:rate={RATE}:n=4:speed=0.03:seed=7", ("format", "yuv420p"))
    sound = _frames("sine", f"frequency=330:sample_rate={SAMPLES}", ("volume", "0.2"))
    with av.open(path, "w") as file:
        video = file.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = file.add_stream("aac", rate=SAMPLES, layout="mono")
        heard = 0
        for number in range(seconds * RATE):
            file.mux(video.encode(cast("VideoFrame", next(picture))))
            while heard < (number + 1) * SAMPLES / RATE:
                tone = cast("AudioFrame", next(sound))
                heard += tone.samples
                file.mux(audio.encode(tone))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))
    return path


def _frames(source: str, arguments: str, then: tuple[str, str]) -> Iterator[object]:
    """Frames a filter makes out of nothing, without end."""
    graph = Graph()
    sink = "abuffersink" if source == "sine" else "buffersink"
    graph.link_nodes(graph.add(source, arguments), graph.add(*then), graph.add(sink)).configure()
    while True:
        yield graph.pull()
