"""Numbers the way people say them: "4.2 GB", "18 MB/s", "about 3 min", "61 %". Pure."""

import math
from datetime import datetime

_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes in powers of a thousand, as the platforms' file managers show them: "0 bytes", "812 kB", "4.2 GB"."""
    unit = 0
    value = float(count)
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value /= 1000
        unit += 1
    if unit == 0:
        return "1 byte" if round(value) == 1 else f"{value:.0f} bytes"
    return f"{value:.1f} {_SIZES[unit]}" if unit > 1 and value < 9.95 else f"{value:.0f} {_SIZES[unit]}"


def rate(bytes_a_second: float) -> str:
    """The speed of one file: "18 MB/s"."""
    return f"{size(bytes_a_second)}/s"


def line_rate(bytes_a_second: float) -> str:
    """The speed of the line, in the unit people know their line by: "42 Mbit/s"."""
    bits = bytes_a_second * 8
    if bits >= 999.5e6:
        return f"{bits / 1e9:.1f} Gbit/s"
    if bits >= 9.95e6:
        return f"{bits / 1e6:.0f} Mbit/s"
    if bits >= 99.5e3:
        return f"{bits / 1e6:.1f} Mbit/s"
    return f"{bits / 1e3:.0f} kbit/s"


def time_left(seconds: float) -> str:
    """A guess, and it says so: "a few seconds", "about 40 s", "about 3 min", "about 2 h 10 min", "about 3 days"."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"about {math.ceil(seconds / 10) * 10} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(round(minutes / 5) * 5, 60)
        return f"about {hours} h {rest} min" if rest and hours < 12 else f"about {hours} h"
    return f"about {round(minutes / 60 / 24)} days"


def length(seconds: float) -> str:
    """How long a video runs, as players show it: "0:07", "12:03", "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def minutes(seconds: int) -> str:
    """A limit on length: "60 minutes", "90 seconds", "3 hours"."""
    if seconds >= 7200 and seconds % 3600 == 0:
        return f"{seconds // 3600} hours"
    if seconds >= 120:
        return f"{seconds // 60} minutes"
    return "1 minute" if seconds == 60 else f"{seconds} seconds"


def percent(part: float, whole: float) -> int:
    """Whole percent, rounded down: 100 only when nothing is missing."""
    return 0 if whole <= 0 else max(0, min(100, math.floor(100 * part / whole)))


def soon(moment: datetime, now: datetime) -> str:
    """When something will happen: "in a moment" within the next minute, else "at 14:32"."""
    return f"at {clock(moment, now)}" if (moment - now).total_seconds() >= 60 else "in a moment"


def clock(moment: datetime, now: datetime) -> str:
    """When something happened, on this computer's clock: "14:32", "3 Nov, 14:32" on another day, "3 Nov 2025"."""
    local, today = moment.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    day = f"{local.day} {local:%b}"
    return f"{day}, {local:%H:%M}" if local.year == today.year else f"{day} {local.year}"


def date(moment: datetime, now: datetime) -> str:
    """When something is to happen, on this computer's clock, always with the day: "Tue 24 Nov, 18:00"."""
    local = moment.astimezone()
    year = "" if local.year == now.astimezone().year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"


def count(number: int, one: str, many: str) -> str:
    """`1 video`, `4 videos`."""
    return f"{number:,} {one if number == 1 else many}".replace(",", " ")
