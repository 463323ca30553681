"""When frames are shown: their times, which are left out, and which start a new segment."""

import itertools
from collections.abc import Iterator, Sequence

CLOCK = 90_000  # ticks a second: every common frame rate is whole or nearly so
SEGMENT = 4  # seconds
STEP = CLOCK // 60  # no more than 60 frames a second are shown
SLACK = STEP * 2 // 5  # a frame may come this much early: many files only count milliseconds


class Pace:
    """Leaves out frames that come too fast or go back in time."""

    def __init__(self) -> None:
        self._due: int | None = None

    def shows(self, ticks: int) -> bool:
        """Whether the next frame, at this time, is shown."""
        if ticks < 0 or (self._due is not None and ticks < self._due - SLACK):
            return False
        self._due = max(self._due or 0, ticks) + STEP
        return True


class Cutter:
    """Says which frames start a segment: the first, then the first at or after each cut."""

    def __init__(self, cuts: Sequence[int] | None = None) -> None:
        """`cuts` in ticks; without them, one every four seconds after the first frame."""
        self._given = cuts
        self._cuts: Iterator[int] | None = None
        self._next: int | None = None

    def starts(self, ticks: int) -> bool:
        """Whether the frame at this time starts a segment."""
        if self._cuts is None:
            every = SEGMENT * CLOCK
            self._cuts = itertools.count(ticks + every, every) if self._given is None else iter(self._given)
            self._next = next(self._cuts, None)
            return True
        started = False
        while self._next is not None and ticks >= self._next:
            self._next = next(self._cuts, None)
            started = True
        return started


def segment_starts(keys: Sequence[int]) -> list[int]:
    """Of these key frames, in ticks, those at which FFmpeg's HLS muxer starts a segment after the first."""
    starts: list[int] = []
    for key in keys:
        if key - keys[0] >= SEGMENT * CLOCK * (len(starts) + 1):
            starts.append(key)
    return starts
