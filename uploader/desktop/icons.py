"""The glyphs of the interface, by what they mean. They come from QtAwesome's Material Design set."""

from functools import lru_cache

import qtawesome
from PySide6.QtGui import QIcon

GLYPHS = {
    "account": "mdi6.account-circle-outline",
    "add": "mdi6.plus",
    "appearance": "mdi6.theme-light-dark",
    "back": "mdi6.arrow-left",
    "cancel": "mdi6.close",
    "check": "mdi6.check-bold",
    "choose": "mdi6.chevron-down",
    "computer": "mdi6.laptop",
    "copy": "mdi6.content-copy",
    "down": "mdi6.arrow-down",
    "drop": "mdi6.tray-arrow-up",
    "earlier": "mdi6.chevron-left",
    "edit": "mdi6.pencil-outline",
    "empty": "mdi6.movie-open-outline",
    "folder": "mdi6.folder-outline",
    "hold": "mdi6.calendar-remove-outline",
    "later": "mdi6.chevron-right",
    "left out": "mdi6.alert-circle-outline",
    "more": "mdi6.dots-horizontal",
    "open": "mdi6.open-in-new",
    "pause": "mdi6.pause",
    "post": "mdi6.send-outline",
    "posts itself": "mdi6.send-clock-outline",
    "preferences": "mdi6.cog-outline",
    "quit": "mdi6.logout-variant",
    "remove": "mdi6.trash-can-outline",
    "restart": "mdi6.upload-outline",
    "resume": "mdi6.play",
    "retry": "mdi6.refresh",
    "search": "mdi6.magnify",
    "server": "mdi6.server-network",
    "sign in": "mdi6.login-variant",
    "sign out": "mdi6.logout-variant",
    "text": "mdi6.text-box-edit-outline",
    "up": "mdi6.arrow-up",
    "upload": "mdi6.upload-outline",
    "warning": "mdi6.alert-outline",
}


@lru_cache(maxsize=256)
def icon(name: str, colour: str, disabled: str = "") -> QIcon:
    """The glyph called `name` in one colour (`#RRGGBB`), and in another where the widget is disabled."""
    made: QIcon = qtawesome.icon(GLYPHS[name], color=colour, color_disabled=disabled or colour)
    return made
