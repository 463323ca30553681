"""The ring around whatever the keyboard is on."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFocusFrame,
    QLineEdit,
    QPlainTextEdit,
    QProxyStyle,
    QStyle,
    QStyleOption,
    QWidget,
)

from uploader.desktop import tokens
from uploader.desktop.theme import Theme


class FocusRing(QFocusFrame):
    """The ring around whatever the keyboard is on, outside of it, whatever it looks like itself."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._inside = theme, parent
        self._style = _Reach("Fusion")
        self.setStyle(self._style)
        self.hide()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._follow)
        theme.changed.connect(self.update)

    def _follow(self, _old: QWidget | None, new: QWidget | None) -> None:
        """What is written in always shows it, the rest only for the keyboard; a list shows its own, around the row."""
        wanted = (
            isinstance(new, QLineEdit | QPlainTextEdit) or QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton
        )
        takes = new is not None and new.focusPolicy() != Qt.FocusPolicy.NoFocus and self._inside.isAncestorOf(new)
        fits = takes and not isinstance(new, QAbstractItemView)
        self.setWidget(new if fits and wanted else None)  # type: ignore[arg-type]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._theme.colours.accent), tokens.RING))
        inset = tokens.RING / 2
        painter.drawRoundedRect(
            self.rect().toRectF().adjusted(inset, inset, -inset, -inset), tokens.RADIUS_CARD, tokens.RADIUS_CARD
        )


class _Reach(QProxyStyle):
    """How far the ring reaches beyond its widget."""

    def pixelMetric(  # noqa: N802  (Qt's name)
        self, metric: QStyle.PixelMetric, option: QStyleOption | None = None, widget: QWidget | None = None
    ) -> int:
        """Qt asks."""
        if metric in {QStyle.PixelMetric.PM_FocusFrameHMargin, QStyle.PixelMetric.PM_FocusFrameVMargin}:
            return tokens.RING + tokens.RING_OFFSET
        return super().pixelMetric(metric, option, widget)
