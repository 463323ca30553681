"""How much of the line uploads may take, from a terminal: shown and changed, also while a window is open."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import typer

from uploader.cli.reach import Reached
from uploader.cli.tell import Teller
from uploader.engine.instance import Message
from uploader.uplink import DAYS, FULL, HOURS, PAUSE, Cell, Week, parse_rate, rate_words

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFF, SCHEDULED, FULL_SPEED, PAUSED = "off", "scheduled", "full", "pause"


def changes(rate: str | None, at_once: int | None) -> dict[str, Any]:
    """What the words of `reelferry limit` change. BadParameter."""
    wanted: dict[str, Any] = {} if at_once is None else {"slots": at_once}
    if rate == SCHEDULED:
        wanted["scheduled"] = True
    elif rate is not None:
        wanted |= {"scheduled": False, "limit": None if rate == OFF else _rate(rate)}
    return wanted


def places(days: str, hours: str) -> list[int]:
    """The hours of a week that "mon-fri" and "8-18" mean, as `Week` numbers them. BadParameter."""
    span = _span(hours)
    return [day * HOURS + hour for day in _days(days) for hour in span]


def cell(speed: str) -> Cell:
    """What holds in an hour: "full", "pause", or a speed. BadParameter."""
    return FULL if speed == FULL_SPEED else PAUSE if speed == PAUSED else _rate(speed)


def limit(engine: Reached, tell: Teller, change: dict[str, Any], *, full_speed: bool | None) -> None:
    """Change what is given, and say what holds."""
    (held,) = engine.ask({"do": "limit", "change": change, "hour": full_speed})
    tell.message(held)
    tell.say(_held(held))
    tell.say(f"At once: {held['slots']}")


def schedule(engine: Reached, tell: Teller, where: list[int], what: Cell) -> None:
    """Write `what` into these hours, if there are any, and say what the week looks like."""
    (held,) = engine.ask({"do": "limit"})
    if where:
        week = Week.parse(held["schedule"]).with_cells(where, what)
        (held,) = engine.ask({"do": "limit", "change": {"schedule": week.lines(), "scheduled": True}})
    tell.message(held)
    for line in _week(Week.parse(held["schedule"])):
        tell.say(line)
    tell.say(_held(held) if held["scheduled"] else "Not in use: `reelferry limit scheduled` follows it.")


def _held(held: Message) -> str:
    until = ""
    if held["until"]:
        then, now = datetime.fromisoformat(held["until"]).astimezone(), datetime.now(UTC).astimezone()
        until = f" until {then:%H:%M}" if then.date() == now.date() else f" until {then:%A %H:%M}"
    because = " (schedule)" if held["by"] == "schedule" else ""
    words = "full speed" if held["by"] == "hour" else _words(held["now"])
    return f"Now: {words}{until}{because}"


def _words(what: Cell) -> str:
    if not what:
        return "no limit" if what is FULL else "pause"
    return rate_words(what)


def _week(week: Week) -> Iterator[str]:
    for day, name in enumerate(DAY_NAMES):
        runs = (f"{first:02}–{last:02} {_words(what)}" for first, last, what in week.runs(day))
        yield f"{name.title()}  {' · '.join(runs)}"


def _rate(words: str) -> int:
    try:
        return parse_rate(words)
    except ValueError:
        raise typer.BadParameter(f"{words} is no speed of at least 1 kB/s, such as 4Mbit/s or 500kB/s.") from None


def _days(words: str) -> list[int]:
    if words == "all":
        return list(range(DAYS))
    days: set[int] = set()
    for part in words.split(","):
        first, _, last = part.partition("-")
        if not {first, last or first} <= set(DAY_NAMES):
            raise typer.BadParameter(f"{words} names no days, such as mon-fri or sat,sun or all.")
        begin, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
        days |= {day % DAYS for day in range(begin, end + 1 if end >= begin else end + 1 + DAYS)}
    return sorted(days)


def _span(words: str) -> list[int]:
    if words == "all":
        return list(range(HOURS))
    first, _, last = words.partition("-")
    if first.isdecimal() and last.isdecimal() and 0 <= int(first) < HOURS and 0 < int(last) <= HOURS:
        begin, end = int(first), int(last)
        return [hour % HOURS for hour in range(begin, end if end > begin else end + HOURS)]
    raise typer.BadParameter(f"{words} names no hours, such as 8-18 or all.")
