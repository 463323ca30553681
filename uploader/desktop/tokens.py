"""Every colour, size and duration of the look, named once."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Colours:
    """One palette. Values are `#RRGGBB`; a name says what the colour is for, never what it looks like."""

    window: str
    surface: str
    hover: str
    line: str
    edge: str
    text: str
    secondary: str
    accent: str
    pressed: str
    on_accent: str
    good: str
    warn: str
    bad: str
    dark: bool = False


LIGHT = Colours(
    window="#F6F7F9",
    surface="#FFFFFF",
    hover="#F0F2F5",
    line="#E1E5EA",
    edge="#868F9C",
    text="#14171C",
    secondary="#5A6472",
    accent="#2F6AFF",  # the design says #2F6BFF, which misses its own 4.5 : 1 under white by a hair
    pressed="#2457D6",
    on_accent="#FFFFFF",
    good="#1A7F4B",
    warn="#9A5B00",
    bad="#C4314B",
)

DARK = Colours(
    window="#16181C",
    surface="#1E2126",
    hover="#262A31",
    line="#2E333B",
    edge="#6F7885",
    text="#ECEEF2",
    secondary="#A0A9B6",
    accent="#6C95FF",
    pressed="#5580F0",
    on_accent="#0E1420",
    good="#4CC38A",
    warn="#E0A13C",
    bad="#F0788C",
    dark=True,
)

SCRIM, ON_SCRIM = "#CC0B0D10", "#FFFFFF"
"""What is written on a picture, whatever the palette: `#AARRGGBB` below, text above."""


def contrasted(colours: Colours) -> Colours:
    """The same palette for people whose system asks for more contrast: no grey text, no faint line."""
    return replace(
        colours, secondary=colours.text, line=colours.secondary, edge=colours.text, window=colours.surface
    )  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB`, 0 to 1 (WCAG 2.2)."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# Spacing, px
XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32

# Radii, px
RADIUS_CARD, RADIUS_BUTTON, RADIUS_THUMBNAIL = 8, 6, 4

# Type, px
TINY, SMALL, BODY, TITLE, HEADING = 10, 12, 13, 15, 20

# Icons, px
ICON, ICON_EMPTY = 18, 56

# The window, px
WINDOW, WINDOW_MINIMUM = (1080, 720), (720, 520)
PREFERENCES, PREFERENCES_MINIMUM = (720, 580), (640, 420)
POSTS, POSTS_MINIMUM = (640, 480), (520, 360)
POST_EDITOR = (520, 540)
NARROW = 860
HEADER, STATUS, COMPOSER, FILTER = 56, 32, 400, 168
PICTURE, PICTURE_LEAST, WRITING = 208, 90, 420
BORDER = 1
CONTROL = 34
CARD = 440
QUESTION = 360
HOUR, HOUR_WIDTH = 24, 16
CHOICE = 200
PORT = 72

# A row, px
ROW, ROW_GAP, POST_ROW = 84, 8, 60
THUMBNAIL = (112, 63)
ROW_PAD = 10
ROW_BUTTON = 32
PROGRESS = 4
DOT = 8

# The focus ring, px
RING, RING_OFFSET = 2, 2

# Time, ms
MOTION = 150
AUTOSAVE = 400
TOAST, UNDO = 4_000, 7_000
FACTS = 100
