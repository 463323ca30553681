"""Rows of the list taken with the mouse and put down between others."""

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QCursor, QDrag, QDropEvent, QPainter, QPen
from PySide6.QtWidgets import QListView

from uploader.desktop import tokens
from uploader.desktop.theme import Theme

ROWS = "application/x-reelferry-rows"


class RowDrag:
    """The gap that what is dragged would fall into: 0 is above the first row, None while nothing is dragged."""

    def __init__(self, view: QListView, theme: Theme) -> None:
        self._view, self._theme = view, theme
        self.gap: int | None = None

    def begin(self, index: QModelIndex) -> None:
        """Take what is chosen, shown as this row. Returns once it has been put down or let go."""
        data = QMimeData()
        data.setData(ROWS, b"")
        row = self._view.visualRect(index)
        drag = QDrag(self._view)
        drag.setMimeData(data)
        drag.setPixmap(self._view.viewport().grab(row))
        drag.setHotSpot(self._view.viewport().mapFromGlobal(QCursor.pos()) - row.topLeft())
        drag.exec(Qt.DropAction.MoveAction)
        self.end()

    def over(self, event: QDropEvent) -> bool:
        """Follow the pointer; False for what is no row of this list, which is left to others."""
        if event.source() is not self._view or not event.mimeData().hasFormat(ROWS):
            event.ignore()
            return False
        self._show(self._gap_at(event.position().toPoint()))
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()
        return True

    def end(self) -> None:
        """Nothing is dragged any more."""
        self._show(None)

    def paint(self) -> None:
        """A line where it would fall."""
        if self.gap is None:
            return
        rows = self._view.model().rowCount()
        row = self._view.visualRect(self._view.model().index(min(self.gap, rows - 1), 0))
        y = row.top() if self.gap < rows else row.bottom()
        with QPainter(self._view.viewport()) as painter:
            painter.setPen(QPen(QColor(self._theme.colours.accent), tokens.RING))
            painter.drawLine(row.left() + tokens.S, y, row.right() - tokens.S, y)

    def _gap_at(self, point: QPoint) -> int:
        index = self._view.indexAt(point)
        if not index.isValid():
            return 0 if point.y() < 0 else self._view.model().rowCount()
        row: QRect = self._view.visualRect(index)
        return index.row() + (point.y() > row.center().y())

    def _show(self, gap: int | None) -> None:
        if gap != self.gap:
            self.gap = gap
            self._view.viewport().update()


def steps(order: Sequence[str], moving: Sequence[str], before: str | None) -> list[tuple[str, int]]:
    """The moves (id, place) that bring `moving` together in front of `before`, or to the end. Pure."""
    rest = [one for one in order if one not in moving]
    at = len(rest) if before is None else rest.index(before)
    places = {one: at + number for number, one in enumerate(moving)}
    down = [one for one in reversed(moving) if order.index(one) < places[one]]
    up = [one for one in moving if order.index(one) > places[one]]
    return [(one, places[one]) for one in (*down, *up)]
