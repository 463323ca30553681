"""Which renditions a source gets: sizes never above its own, each at most four fifths of the one before."""

from dataclasses import dataclass

LINES = (1080, 720, 360)  # of the short side, so that upright videos get the same qualities
STEP = 0.8
MOST = 3
LONE = 720  # a copied source of no more lines than this is good enough for everybody as it is
RATES = ((1080, 6_000_000), (720, 3_200_000), (480, 1_600_000), (360, 900_000), (0, 500_000))  # bits/s at 30 frames/s
FAST = 40  # frames/s above which a picture needs half as much again
LONE_RATE = 4_000_000  # bits/s that anybody can be asked to take
COPY_FACTOR = 2
COPY_FACTOR_AMONG_OTHERS = 3.5


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition to make: its file names' stem, size in pixels, highest bit rate in bits/s, encoded or copied."""

    name: str
    width: int
    height: int
    max_rate: int
    copied: bool = False

    @property
    def lines(self) -> int:
        """The short side."""
        return min(self.width, self.height)


def ladder(width: int, height: int, rate: float, *, copied: bool = False) -> list[Rung]:
    """The rungs for a source of this upright size and frame rate, best first.

    `copied`: its video, of at most 1080 lines, is taken over as it is. Speed for creators comes first: up to 720 lines
    the copy is all there is; above, smaller renditions are made beside it.
    """
    short = min(width, height)
    chosen: list[int] = []
    for lines in (short, *LINES):
        if lines <= LINES[0] and lines <= (chosen[-1] * STEP if chosen else short):
            chosen.append(lines)
    wanted = 1 if copied and short <= LONE else MOST
    return [
        Rung(
            f"{lines}p",
            even(width * lines // short),
            even(height * lines // short),
            max_rate(lines, rate),
            copied=copied and lines == short,
        )
        for lines in chosen[:wanted]
    ]


def max_rate(lines: int, rate: float) -> int:
    """Bits per second a rendition may reach."""
    base = next(bits for least, bits in RATES if lines >= least)
    return int(base * 1.5) if rate > FAST else base


def copy_limit(lines: int, rate: float) -> float:
    """Bits per second up to which a source of this size is served as it is."""
    if lines > LONE:
        return max_rate(lines, rate) * COPY_FACTOR_AMONG_OTHERS
    return max(LONE_RATE, max_rate(lines, rate) * COPY_FACTOR)


def even(value: int) -> int:
    """The next even number below or at this, at least 2: what 4:2:0 pictures need."""
    return max(2, value // 2 * 2)
