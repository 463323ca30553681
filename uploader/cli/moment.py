"""A time as people type it: 18:00, 2026-11-24 18:00, 2026-11-24T18:00+01:00, or now."""

from datetime import UTC, datetime, time, timedelta

import typer

NOW = "now"


def moment(words: str, now: datetime) -> datetime | None:
    """The time meant (aware), on this computer's clock where no offset is given; None for `now`. ValueError for others.

    An hour alone is the next one: today, or else tomorrow. `now` is aware.
    """
    if words.strip().lower() == NOW:
        return None
    local = now.astimezone()
    try:
        hour = time.fromisoformat(words.strip())
    except ValueError:
        return datetime.fromisoformat(words.strip()).astimezone()
    today = datetime.combine(local.date(), hour.replace(tzinfo=None)).astimezone()
    return today if today > local else datetime.combine(local.date() + timedelta(days=1), hour).astimezone()


def planned(at: str | None) -> dict[str, str | None]:
    """What --at says, as part of a command; nothing if it was not given. typer.BadParameter if it is no time."""
    if at is None:
        return {}
    try:
        when = moment(at, datetime.now(UTC))
    except ValueError:
        raise typer.BadParameter(f"--at takes a time such as 18:00 or 2026-11-24 18:00, not {at!r}.") from None
    return {"publishAt": when.isoformat() if when else None}
