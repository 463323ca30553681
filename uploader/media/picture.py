"""Turns decoded frames into pictures for viewers: upright, square pixels, progressive, 8 bits, standard range."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from uploader.media.source import HLG, PQ

UPRIGHT = {90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}
UNSPECIFIED = 2
HD = 720  # pictures of fewer lines that do not name their colours have those of television of old

Size = tuple[int, int]
Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A configured graph with its ends. The graph has to be held: its filters are gone with it."""

    graph: Graph
    entry: FilterContext
    exits: list[FilterContext]


class Scaler:
    """One frame in, that frame in each of the sizes out; the sizes descend, each is made from the one before."""

    def __init__(
        self, sizes: Sequence[Size], *, rotation: int, progressive: bool = True, pixels: str = "yuv420p"
    ) -> None:
        self._sizes = sizes
        self._rotation = rotation
        self._progressive = progressive
        self._pixels = pixels
        self._shape: Shape | None = None
        self._chain: Chain | None = None

    def scaled(self, frame: VideoFrame) -> Iterator[tuple[int, VideoFrame]]:
        """What is ready: pairs of the size's index and a frame. Presentation times and their base stay the input's."""
        shape = _shape(frame)
        if self._chain is None or shape != self._shape:  # the first, or the stream changed its size in mid-file
            yield from self.rest()
            self._chain, self._shape = self._built(frame), shape
        self._chain.entry.push(frame)
        yield from _ready(self._chain)

    def rest(self) -> Iterator[tuple[int, VideoFrame]]:
        """What is still inside."""
        if self._chain is not None:
            self._chain.entry.push(None)
            yield from _ready(self._chain)
            self._chain = None

    def _built(self, frame: VideoFrame) -> Chain:
        graph = Graph()
        entry = node = graph.add("buffer", _described(frame))
        if not self._progressive:
            node = _then(graph, node, "yadif=deint=interlaced")
        for step in UPRIGHT.get(self._rotation, ()):
            node = _then(graph, node, step)
        exits = []
        for index, (width, height) in enumerate(self._sizes):
            steps = _first(frame, width, height, self._pixels) if index == 0 else (f"scale={width}:{height}",)
            for step in (*steps, "setsar=1", f"format={self._pixels}"):
                node = _then(graph, node, step)
            sink = graph.add("buffersink")
            if index + 1 < len(self._sizes):
                node = _then(graph, node, "split")
                node.link_to(sink, 1)
            else:
                node.link_to(sink)
            exits.append(sink)
        graph.configure()
        return Chain(graph, entry, exits)


def _ready(chain: Chain) -> Iterator[tuple[int, VideoFrame]]:
    for index, sink in enumerate(chain.exits):
        while True:
            try:
                frame = sink.pull()
            except (BlockingIOError, EOFError):
                break
            yield index, cast("VideoFrame", frame)


def _then(graph: Graph, node: FilterContext, step: str) -> FilterContext:
    name, _, arguments = step.partition("=")
    following = graph.add(name, arguments or None)
    node.link_to(following)
    return following


def _shape(frame: VideoFrame) -> Shape:
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.time_base


def _described(frame: VideoFrame) -> str:
    base = frame.time_base or Fraction(1, 90_000)
    return (
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={base}:pixel_aspect=1/1"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    )


def _first(frame: VideoFrame, width: int, height: int, pixels: str) -> tuple[str, ...]:
    """Steps to the first size and to the colours of all.

    Video becomes BT.709, so that players which ignore colour tags are right, too; JPEG knows one answer only. Building
    the tables for another transfer curve takes seconds: a still in HLG, made to look well without, goes without.
    """
    still = pixels.startswith("yuvj")
    colours = "out_color_matrix=" + ("bt601:out_range=full" if still else "bt709:out_range=limited")
    if frame.colorspace == UNSPECIFIED:
        colours += ":in_color_matrix=" + ("bt709" if frame.height >= HD else "bt601")
    if frame.color_trc == PQ or (frame.color_trc == HLG and not still):
        curve = ":out_transfer=bt709:out_primaries=bt709"
        return f"scale={width}:{height}", "format=gbrp10le", f"scale={colours}{curve}"
    return (f"scale={width}:{height}:{colours}",)
