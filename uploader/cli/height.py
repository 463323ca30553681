"""A height as people type it: 720, 720p, or any."""

import typer

ANY = "any"
MOST = 8640


def height(words: str) -> int | None:
    """The pixels meant; None for `any`. ValueError for what is no height."""
    said = words.strip().lower()
    if said == ANY:
        return None
    digits = said.removesuffix("p")
    pixels = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0
    if not 1 <= pixels <= MOST:
        raise ValueError(words)
    return pixels


def awaited(words: str | None) -> dict[str, int | None]:
    """What --min-height says, as part of a command; nothing if it was not given. typer.BadParameter if it is none."""
    if words is None:
        return {}
    try:
        return {"minHeight": height(words)}
    except ValueError:
        raise typer.BadParameter(f"--min-height takes pixels such as 720 or 1080, or any, not {words!r}.") from None
