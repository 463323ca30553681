"""The small widgets every page is put together from, so that each is styled and named in one place."""

from typing import TypeVar

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from uploader.desktop import tokens
from uploader.desktop.icons import icon
from uploader.desktop.theme import Theme

W = TypeVar("W", bound=QWidget)


def label(words: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Text in a role of the stylesheet: `secondary`, `title`, `heading`, `warn`, `bad`, `good`."""
    made = QLabel(words)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def row(gap: int = 0, margins: tuple[int, int, int, int] = (0, 0, 0, 0), within: QWidget | None = None) -> QHBoxLayout:
    """Side by side, `gap` px apart; margins are left, top, right, bottom."""
    made = QHBoxLayout(within) if within else QHBoxLayout()
    made.setSpacing(gap)
    made.setContentsMargins(*margins)
    return made


def column(
    gap: int = 0, margins: tuple[int, int, int, int] = (0, 0, 0, 0), within: QWidget | None = None
) -> QVBoxLayout:
    """One below the other, `gap` px apart; margins are left, top, right, bottom."""
    made = QVBoxLayout(within) if within else QVBoxLayout()
    made.setSpacing(gap)
    made.setContentsMargins(*margins)
    return made


def named(widget: W, name: str) -> W:
    """The same widget with a name for screen readers."""
    widget.setAccessibleName(name)
    return widget


def set_role(widget: QWidget, role: str) -> None:
    """Change a widget's role and have it restyled."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(words: str, role: str = "", *, name: str = "") -> QPushButton:
    """A push button. Return presses it too; a mouse press does not focus it, so that the ring is for the keyboard."""
    made = QPushButton(words)
    made.setProperty("role", role)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setAutoDefault(True)
    made.setAccessibleName(name or words)
    made.setCursor(Qt.CursorShape.PointingHandCursor if role == "link" else Qt.CursorShape.ArrowCursor)
    return made


def frame(role: str) -> QFrame:
    """A surface in a role of the stylesheet: `header`, `status`, `side`, `page`, `card`, `banner`, `toast`."""
    made = QFrame()
    made.setProperty("role", role)
    return made


class Glyph(QLabel):
    """An icon that changes its colour with the theme. Decoration: the words beside it say the same."""

    def __init__(self, name: str, theme: Theme, colour: str = "secondary", size: int = tokens.ICON) -> None:
        super().__init__()
        self._name, self._theme, self._colour, self._size = name, theme, colour, size
        self.setFixedSize(size, size)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        drawn = icon(self._name, getattr(self._theme.colours, self._colour))
        self.setPixmap(drawn.pixmap(QSize(self._size, self._size), self.devicePixelRatioF()))


class IconButton(QToolButton):
    """A button with an icon and no words; its name is its tooltip."""

    def __init__(self, glyph: str, name: str, theme: Theme) -> None:
        super().__init__()
        self._glyph, self._theme = glyph, theme
        self.setProperty("role", "plain")
        self.setToolTip(name)
        self.setAccessibleName(name)
        self.setIconSize(QSize(tokens.ICON, tokens.ICON))
        self.setFixedSize(tokens.CONTROL, tokens.CONTROL)
        self.setStyleSheet("padding: 0")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        colours = self._theme.colours
        self.setIcon(icon(self._glyph, colours.text, colours.secondary))


class Dot(QWidget):
    """A coloured dot. It never stands alone: the words are beside it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._colour = theme, "secondary"
        self.setFixedSize(tokens.DOT, tokens.DOT)
        theme.changed.connect(self.update)

    def paint_as(self, colour: str) -> None:
        """Take the colour of this token."""
        self._colour = colour
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(getattr(self._theme.colours, self._colour)))
        painter.drawEllipse(self.rect())


class Choice(QComboBox):
    """A combo box whose arrow has the theme's colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        super().paintEvent(event)
        colours = self._theme.colours
        size = tokens.ICON
        at = QRect(self.width() - size - tokens.S, (self.height() - size) // 2, size, size)
        icon("choose", colours.text if self.isEnabled() else colours.secondary).paint(QPainter(self), at)


class Tick(QCheckBox):
    """A check box drawn from the tokens, so that it shows in every palette."""

    def __init__(self, words: str, theme: Theme) -> None:
        super().__init__(words)
        self._theme = theme
        self.setAccessibleName(words)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Box, gap, words."""
        words = self.fontMetrics().size(0, self.text())
        return QSize(tokens.ICON + tokens.S + words.width() + tokens.XS, max(tokens.ICON + tokens.XS, words.height()))

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802  (Qt's name)
        """The words count as the box."""
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        colours = self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        size = tokens.ICON
        box = QRect(0, (self.height() - size) // 2, size, size)
        painter.setPen(QColor(colours.accent if self.isChecked() else colours.edge))
        painter.setBrush(QColor(colours.accent if self.isChecked() else colours.surface))
        painter.drawRoundedRect(
            box.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), tokens.RADIUS_THUMBNAIL, tokens.RADIUS_THUMBNAIL
        )
        if self.isChecked():
            icon("check", colours.on_accent).paint(painter, box.adjusted(2, 2, -2, -2))
        painter.setPen(QColor(colours.text if self.isEnabled() else colours.secondary))
        painter.drawText(self.rect().adjusted(size + tokens.S, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())


class Elided(QLabel):
    """One line of text that gives way: cut with an ellipsis, whole in its tooltip."""

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, words: str) -> None:  # noqa: N802  (Qt's name)
        """Show these words."""
        super().setText(words)
        self.setToolTip(words)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Hardly anything."""
        return QSize(tokens.XXL, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        painter = QPainter(self)
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)


def initial(name: str, theme: Theme, ratio: float) -> QPixmap:
    """A round badge with the first letter of a name, for an account without a picture."""
    size = tokens.XL
    badge = QPixmap(QSize(size, size) * ratio)
    badge.setDevicePixelRatio(ratio)
    badge.fill(Qt.GlobalColor.transparent)
    painter = QPainter(badge)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.colours.accent))
    painter.drawEllipse(0, 0, size, size)
    painter.setPen(QColor(theme.colours.on_accent))
    painter.drawText(
        badge.deviceIndependentSize().toSize().width() * 0,
        0,
        size,
        size,
        Qt.AlignmentFlag.AlignCenter,
        name[:1].upper(),
    )
    painter.end()
    return badge
