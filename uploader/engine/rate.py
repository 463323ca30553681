"""How fast the line is, and what follows: the size of a chunk, and how long silence is borne."""

import sys
from dataclasses import dataclass

LEAST = 256 * 1024
PIECE, LARGE_PIECE = 256 * 1024, 1024 * 1024  # bytes that go to the socket at once: large ones cost less a byte
SMALL_PIECE = 16 * 1024  # leaves within the shortest patience also on a line of 1 kB/s
SOON = 0.05  # seconds in which a large piece has to be gone
SHORTEST, AIM, LONGEST = 4.0, 6.0, 8.0  # seconds a chunk should take
WEIGHT = 0.3  # of the newest measurement
SILENCE = 30.0
REPLY = 120.0
CHUNKS_OF_SILENCE = 4


def smooth(before: float, sample: float, weight: float = WEIGHT) -> float:
    """An exponential moving average; the first sample stands for itself."""
    return sample if before == 0 else before + weight * (sample - before)


def resized(chunk: int, seconds: float) -> int:
    """The next chunk in bytes, after one of `chunk` bytes took `seconds`: between half and twice as large."""
    if SHORTEST <= seconds <= LONGEST:
        return chunk
    return int(chunk * min(2.0, max(0.5, AIM / max(seconds, 0.001))))


@dataclass(slots=True)
class Pace:
    """What is known of the line to the upload hosts; every job on it shares this.

    `rate` is bytes per second and `seconds` is how long a chunk takes, both smoothed, 0 = not known yet. `chunk` is the
    size wanted now in bytes, 0 = whatever the first ticket says. `silence` and `reply` are seconds without a byte that
    are borne: at least, and once the host has everything and only its answer is missing. `tells` is whether the system
    says which bytes were acknowledged: where it does not, that a piece has left is the only sign of life.
    """

    rate: float = 0.0
    seconds: float = 0.0
    chunk: int = 0
    silence: float = SILENCE
    reply: float = REPLY
    tells: bool = sys.platform in {"linux", "darwin"}

    def begin(self, chunk: int) -> None:
        """Start with what a ticket recommends, where nothing has been measured."""
        self.chunk = self.chunk or chunk

    def patience(self) -> float:
        """Seconds without a byte after which a connection counts as dead."""
        return max(self.silence, CHUNKS_OF_SILENCE * self.seconds)

    def acknowledged(self, length: int, seconds: float) -> None:
        """The server has answered for a chunk of `length` bytes, `seconds` after it was begun."""
        self.rate = smooth(self.rate, length / max(seconds, 0.001))
        self.seconds = smooth(self.seconds, seconds)
        if length >= self.chunk / 2:  # the short end of a file says little
            self.chunk = max(LEAST, resized(length, seconds))

    def piece(self) -> int:
        """Bytes to hand to the socket at once: as many as leave so soon that progress stays smooth."""
        if self.rate * SOON >= LARGE_PIECE:
            return LARGE_PIECE
        return PIECE if self.tells else SMALL_PIECE

    def failed(self) -> None:
        """A chunk did not get through."""
        self.chunk = max(LEAST, self.chunk // 2)
