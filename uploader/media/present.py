"""Makes everything a viewer needs of one source, in one folder (child process only)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import av

from uploader.media.convert import FASTEST, USUAL_RATE, convert
from uploader.media.facts import HlsResult
from uploader.media.ladder import LONE, Rung, ladder
from uploader.media.look import write_still
from uploader.media.playlist import MASTER, described, master
from uploader.media.refusal import Refusal
from uploader.media.source import MICROSECONDS, inspected, opened
from uploader.media.track import copyable_track

POSTER, POSTER_WIDTH = "poster.jpg", 1280
PROGRESSIVE = "progressive.mp4"
CONVERTING = 0.97  # of the work; the rest is the progressive file
QUIET = 0.25  # seconds between two words on progress

Tell = Callable[[float], None]


def present(path: str, folder: str, max_duration: float, tell: Tell) -> HlsResult:
    """Write poster, renditions, master playlist and progressive file into the existing, empty folder.

    `tell` hears percents. Raises Refusal.
    """
    os.chdir(folder)  # the muxer's name patterns then hold plain names only, whatever the folder is called
    told = Throttle(tell)
    facts = inspected(path)
    if (facts.duration or 0) > max_duration:
        raise Refusal("video_too_long", detail=f"{facts.duration} s")
    write_still(path, facts, Path(POSTER), at=None, width=POSTER_WIDTH)
    track = copyable_track(path, facts, lambda: told(0))
    rate = float(min(facts.rate or USUAL_RATE, FASTEST))
    rungs = ladder(facts.width, facts.height, rate, copied=track is not None)
    with opened(path) as source:
        for share in convert(source, facts, rungs, track, max_duration):
            told(share * CONVERTING)
    made = [described(Path(), rung, audio=facts.audio_codec is not None) for rung in rungs]
    _progressive(next((rung for rung in rungs if rung.lines <= LONE), rungs[-1]), lambda: told(CONVERTING))
    renditions = tuple(rendition for rendition, _ in made)
    Path(MASTER).write_text(master(renditions, rate))
    best, duration = made[0]
    return HlsResult(duration, best.width, best.height, best.average, "h264", renditions)


class Throttle:
    """Passes on a share of the work, as percents, a few times a second at most, and never less than before.

    The last frames of a film may carry times that lie behind those of others.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next = 0.0
        self._most = 0.0

    def __call__(self, share: float) -> None:
        """Say it, unless something was said just now."""
        now = time.monotonic()
        self._most = max(self._most, share)
        if now >= self._next:
            self._next = now + QUIET
            self._tell(round(self._most * 100, 1))


def _progressive(rung: Rung, alive: Callable[[], None]) -> None:
    """One plain MP4 for browsers without HLS: a rendition's packets again, its index in front."""
    with (
        av.open(f"{rung.name}.m3u8") as rendition,
        av.open(PROGRESSIVE, "w", options={"movflags": "+faststart"}) as output,
    ):
        chosen = [*rendition.streams.video[:1], *rendition.streams.audio[:1]]
        targets = {stream.index: output.add_stream_from_template(stream) for stream in chosen}
        for packet in rendition.demux(chosen):
            if packet.pts is not None and packet.dts is not None:
                start = round((rendition.start_time or 0) / MICROSECONDS / packet.time_base)
                packet.pts -= start
                packet.dts -= start
                packet.stream = targets[packet.stream.index]
                output.mux(packet)
            alive()
