"""The upload limit in words: in the unit people buy their line in, and in the one that file managers show. Pure."""

from datetime import datetime

from uploader.desktop import amounts
from uploader.engine.facts import Limited
from uploader.uplink import FULL, PAUSE, Cell, Rule, rate_words

RATES = tuple(mbit * 125_000 for mbit in (1, 2, 5, 10, 20, 50))
"""Limits that are offered, in bytes a second."""


def offered(rate: int) -> str:
    """One limit in both units: "8 Mbit/s (1 MB/s)"."""
    size = f"{rate / 1e6:.4g} MB/s" if rate >= 1_000_000 else f"{rate / 1e3:.4g} kB/s"
    return f"{rate_words(rate)} ({size})"


def cell_words(cell: Cell) -> str:
    """What one hour of the schedule says: "no limit", "pause", "8 Mbit/s"."""
    if not cell:
        return "no limit" if cell is FULL else "pause"
    return rate_words(cell)


def status(fact: Limited, now: datetime) -> str:
    """What holds now, for the line at the bottom: "Limit: off", "Limit: 8 Mbit/s until 18:00", "Paused until 18:00"."""
    allowed = fact.now
    until = "" if allowed.until is None else f" until {amounts.clock(allowed.until, now)}"
    if allowed.by is Rule.HOUR:
        return f"Full speed{until}"
    if allowed.limit == PAUSE:
        return f"Paused{until}"
    return f"Limit: {rate_words(allowed.limit) if allowed.limit else 'off'}{until}"
