"""A height as people type it: 720, 720p, or any."""

import typer

from uploader.engine.job import HEIGHTS

ANY = "any"


def height(words: str) -> int | None:
    """The pixels meant; None for `any`. ValueError for what no video is made in."""
    said = words.strip().lower()
    if said == ANY:
        return None
    pixels = int(said.removesuffix("p"))
    if pixels not in HEIGHTS:
        raise ValueError(words)
    return pixels


def awaited(words: str | None) -> dict[str, int | None]:
    """What --min-height says, as part of a command; nothing if it was not given. typer.BadParameter if it is none."""
    if words is None:
        return {}
    try:
        return {"minHeight": height(words)}
    except ValueError:
        known = ", ".join(map(str, HEIGHTS))
        raise typer.BadParameter(f"--min-height takes {known} or any, not {words!r}.") from None
