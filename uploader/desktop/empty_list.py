"""Where the list would be while it is empty: one large area that asks for videos."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from uploader.desktop import amounts, tokens
from uploader.desktop.pieces import Glyph, button, column, label
from uploader.desktop.theme import Theme
from uploader.engine.drop import readable_size
from uploader.wire import ServerConfig


class EmptyList(QWidget):
    """An icon, what to do, the other way to do it, and what the server takes."""

    choose_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.limits = label("", "secondary")
        self.limits.setAlignment(Qt.AlignmentFlag.AlignCenter)
        heading = label("Drop videos here", "heading")
        choose = button("or choose files…", "link", name="Choose files")
        choose.clicked.connect(self.choose_wanted)
        asking = column(tokens.S, within=self)
        asking.addStretch(1)
        asking.addWidget(Glyph("empty", theme, "accent", tokens.ICON_EMPTY), 0, Qt.AlignmentFlag.AlignHCenter)
        asking.addSpacing(tokens.S)
        asking.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        asking.addWidget(choose, 0, Qt.AlignmentFlag.AlignHCenter)
        asking.addSpacing(tokens.S)
        asking.addWidget(self.limits)
        asking.addStretch(1)
        theme.changed.connect(self.update)

    def show_limits(self, config: ServerConfig | None) -> None:
        """What the server takes, in words."""
        self.limits.setText(limits(config) if config else "")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(self._theme.colours.edge), 1.5, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(QColor(self._theme.colours.surface))
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(area, tokens.RADIUS_CARD, tokens.RADIUS_CARD)


def limits(config: ServerConfig) -> str:
    """ "Up to 500 MB and 60 minutes each"."""
    return f"Up to {readable_size(config.max_bytes)} and {amounts.minutes(config.max_duration_seconds)} each"
