"""Turns decoded sound into stereo at 48 kHz that starts with the picture and has no gaps (child process only)."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

from av.audio.frame import AudioFrame
from av.filter import Graph

RATE = 48_000
SAMPLES = 1024  # in one AAC frame
STRETCH = 1000  # samples a second by which drifting clocks are corrected


class Mixer:
    """Frames in, frames of 1024 stereo samples out, their time counted in samples since `origin` (seconds)."""

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._shape: tuple[object, ...] | None = None
        self._graph: Graph | None = None

    def mixed(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """What is ready. A frame without a time follows the one before."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        if self._graph is None or shape != self._shape:
            yield from self.rest()
            self._graph, self._shape = _built(frame, first=self._shape is None), shape
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._origin / frame.time_base)
        self._graph.push(frame)
        yield from _ready(self._graph)

    def rest(self) -> Iterator[AudioFrame]:
        """What is still inside."""
        if self._graph is not None:
            self._graph.push(None)
            yield from _ready(self._graph)
            self._graph = None


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (BlockingIOError, EOFError):
            return


def _built(frame: AudioFrame, *, first: bool) -> Graph:
    graph = Graph()
    entry = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base or Fraction(1, frame.sample_rate),
    )
    start = ":first_pts=0" if first else ""
    graph.link_nodes(
        entry,
        graph.add("aresample", f"{RATE}:async={STRETCH}{start}"),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts=stereo"),
        graph.add("asetnsamples", f"n={SAMPLES}:p=0"),
        graph.add("abuffersink"),
    ).configure()
    return graph
