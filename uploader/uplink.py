"""How much of the line uploads may take, hour by hour, as a person chose it. Pure."""

import enum
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

Cell = int | None
"""Bytes a second; None is no limit, 0 is a pause."""

FULL: Cell = None
PAUSE: Cell = 0
DAYS, HOURS = 7, 24
MOST_SLOTS = 4
LEAST_LIMIT = 1000
"""Bytes a second. Slower than this a server takes us for dead."""

HOUR = timedelta(hours=1)
QUARTER = 15 * 60
"""Seconds. The offset of every time zone is a multiple of it, so hours begin and clocks change at one of these only."""

_RATE = re.compile(r"(\d+(?:[.,]\d+)?) ?([kmg])?(bit/s|b/s|bits|bit)", re.IGNORECASE)
_THOUSANDS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}


@dataclass(frozen=True, slots=True)
class Week:
    """A limit for each hour of a week, on this computer's clock: `cells[0]` begins on Monday at 0:00."""

    cells: tuple[Cell, ...] = (FULL,) * (DAYS * HOURS)

    def at(self, moment: datetime) -> Cell:
        """What holds at a moment, wherever this computer is then."""
        local = moment.astimezone()
        return self.cells[local.weekday() * HOURS + local.hour]

    def changes_at(self, moment: datetime) -> datetime | None:
        """When something else will hold, as UTC; None if never. Right also where clocks are put forward or back."""
        now = self.at(moment)
        step = (math.floor(moment.timestamp()) // QUARTER + 1) * QUARTER
        for second in range(step, step + (DAYS + 1) * HOURS * 3600, QUARTER):
            then = datetime.fromtimestamp(second, UTC)
            if self.at(then) != now:
                return then
        return None

    def with_cells(self, places: Iterable[int], cell: Cell) -> "Week":
        """Another week, with this in these places (day * 24 + hour)."""
        cells = list(self.cells)
        for place in places:
            cells[place] = cell
        return Week(tuple(cells))

    def runs(self, day: int) -> Iterator[tuple[int, int, Cell]]:
        """The day (0 is Monday) as stretches: first hour, hour after the last, what holds."""
        first = 0
        cells = self.cells[day * HOURS : (day + 1) * HOURS]
        for hour in range(1, HOURS + 1):
            if hour == HOURS or cells[hour] != cells[first]:
                yield first, hour, cells[first]
                first = hour

    def lines(self) -> list[str]:
        """The week as it stands in the settings, one line a day: "0 full, 8 500000, 18 pause"."""
        return [", ".join(f"{first} {_written(cell)}" for first, _, cell in self.runs(day)) for day in range(DAYS)]

    @classmethod
    def parse(cls, lines: Sequence[str]) -> "Week":
        """The opposite of `lines`. ValueError."""
        if len(lines) != DAYS:
            raise ValueError("a week has seven days")
        return cls(tuple(cell for line in lines for cell in _day(line)))


class Rule(enum.StrEnum):
    """Why what holds now does."""

    LIMIT = "limit"
    SCHEDULE = "schedule"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What holds now, by which rule, and until when if that is known (UTC)."""

    limit: Cell
    by: Rule
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Uplink:
    """A person's choice.

    `slots` is how many files upload at once; `limit` (bytes a second) holds unless `scheduled`, then `schedule` does.
    Until `full_speed_until` neither does; more than an hour ahead it is nonsense and does not count, so that a clock
    that was wrong when it was written ends it.
    """

    slots: int = 1
    limit: int | None = None
    scheduled: bool = False
    schedule: Week = field(default_factory=Week)
    full_speed_until: datetime | None = None

    def allowed(self, now: datetime) -> Allowed:
        """What holds at this moment."""
        if self.full_speed_until is not None and timedelta(0) < self.full_speed_until - now <= HOUR:
            return Allowed(FULL, Rule.HOUR, self.full_speed_until)
        if self.scheduled:
            return Allowed(self.schedule.at(now), Rule.SCHEDULE, self.schedule.changes_at(now))
        return Allowed(self.limit, Rule.LIMIT)


def parse_rate(words: str) -> int:
    """Bytes a second in "4 Mbit/s", "500 kB/s", "1.5MB/s" (a comma will do). ValueError below `LEAST_LIMIT`."""
    found = _RATE.fullmatch(words.strip())
    if found is None:
        raise ValueError(f"{words!r} is no speed")
    number, thousands, unit = found.groups()
    rate = float(number.replace(",", ".")) * _THOUSANDS[(thousands or "").lower()] / (8 if "bit" in unit.lower() else 1)
    if rate < LEAST_LIMIT:
        raise ValueError(f"{words!r} is slower than 1 kB/s")
    return round(rate)


def rate_words(rate: int) -> str:
    """A limit the way people know their line: "8 Mbit/s", "12.5 Mbit/s", "400 kbit/s"."""
    bits = rate * 8
    return f"{bits / 1e6:.4g} Mbit/s" if bits >= 1e6 else f"{bits / 1e3:.4g} kbit/s"


def _written(cell: Cell) -> str:
    return "full" if cell is FULL else "pause" if cell == PAUSE else str(cell)


def _read(word: str) -> Cell:
    cell = FULL if word == "full" else PAUSE if word == "pause" else int(word)
    if cell and cell < LEAST_LIMIT:
        raise ValueError(f"{cell} bytes a second are too few")
    return cell


def _day(line: str) -> list[Cell]:
    cells: list[Cell] = []
    for entry in reversed(line.split(",")):
        hour, word = entry.split()
        first = int(hour)
        if not 0 <= first < HOURS - len(cells):
            raise ValueError(f"{hour} is out of order")
        cells = [_read(word)] * (HOURS - len(cells) - first) + cells
    if len(cells) != HOURS:
        raise ValueError("a day begins at 0")
    return cells
