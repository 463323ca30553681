"""The week as a grid of hours: chosen with mouse or arrow keys, and read hour by hour."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from uploader.desktop import tokens
from uploader.desktop.limit_words import cell_words
from uploader.desktop.theme import Theme, font
from uploader.uplink import DAYS, FULL, HOURS, PAUSE, Cell, Week

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CELL = Qt.ItemDataRole.UserRole
KEYS: dict[int, Cell] = {Qt.Key.Key_Delete: FULL, Qt.Key.Key_Backspace: FULL, Qt.Key.Key_P: PAUSE}


class ScheduleGrid(QTableWidget):
    """Shows a week; `set_chosen` writes into the hours that are chosen. `changed` carries the new week.

    `limit_wanted` asks for whatever limit stands beside the grid.
    """

    changed = Signal(object)
    limit_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(DAYS, HOURS)
        self._week = Week()
        self.setItemDelegate(_Hour(theme, self))
        self.setAccessibleName("Schedule")
        self.setAccessibleDescription(
            "Arrow keys choose an hour, with Shift several. Delete lifts the limit, P pauses, L limits."
        )
        self.setHorizontalHeaderLabels([str(hour) for hour in range(HOURS)])
        self.setVerticalHeaderLabels([name[:3] for name in DAY_NAMES])
        for header, size in ((self.horizontalHeader(), tokens.HOUR_WIDTH), (self.verticalHeader(), tokens.HOUR)):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            header.setMinimumSectionSize(size)
            header.setFont(font(tokens.SMALL))
            header.setHighlightSections(False)
        if corner := self.findChild(QAbstractButton):
            corner.setAccessibleName("Choose the whole week")
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFixedHeight((DAYS + 1) * tokens.HOUR + tokens.S)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._items = [QTableWidgetItem() for _ in range(DAYS * HOURS)]
        for place, item in enumerate(self._items):
            self.setItem(*divmod(place, HOURS), item)
        self.show_week(self._week)
        self.setCurrentCell(0, 0)
        self.clearSelection()
        theme.changed.connect(self.viewport().update)

    def show_week(self, week: Week) -> None:
        """This week."""
        self._week = week
        for place, (item, cell) in enumerate(zip(self._items, week.cells, strict=True)):
            day, hour = divmod(place, HOURS)
            words = f"{DAY_NAMES[day]} {hour:02}:00 to {(hour + 1) % HOURS:02}:00, {cell_words(cell)}"
            item.setData(CELL, cell)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
            item.setToolTip(words)

    def set_chosen(self, cell: Cell) -> None:
        """Let this hold in the hours that are chosen."""
        places = [index.row() * HOURS + index.column() for index in self.selectedIndexes()]
        if places and (week := self._week.with_cells(places, cell)) != self._week:
            self.show_week(week)
            self.changed.emit(week)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """The keys that write; all others move."""
        if event.key() in KEYS and not event.modifiers():
            self.set_chosen(KEYS[event.key()])
        elif event.key() == Qt.Key.Key_L and not event.modifiers():
            self.limit_wanted.emit()
        else:
            super().keyPressEvent(event)


class _Hour(QStyledItemDelegate):
    """One hour: empty without a limit, else the number or the sign, so that colour never stands alone."""

    def __init__(self, theme: Theme, parent: QTableWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Qt asks."""
        colours, cell = self._theme.colours, index.data(CELL)
        state = option.state
        rect = QRect(option.rect).adjusted(1, 1, -1, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.surface if cell is FULL else colours.warn if cell == PAUSE else colours.accent))
        painter.drawRoundedRect(rect, tokens.XS, tokens.XS)
        painter.setPen(QColor(colours.line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if cell is FULL:
            painter.drawRoundedRect(rect.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), tokens.XS, tokens.XS)
        painter.setFont(font(tokens.TINY, figures=True))
        painter.setPen(QColor(colours.surface if cell == PAUSE else colours.on_accent))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, _sign(cell))
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(colours.text), tokens.RING))
            painter.drawRoundedRect(rect, tokens.XS, tokens.XS)
        painter.restore()


def _sign(cell: Cell) -> str:
    """What fits into an hour: nothing, "‖", or megabits a second."""
    if not cell:
        return "" if cell is FULL else "‖"
    megabits = cell * 8 / 1e6
    return f"{megabits:.0f}" if megabits >= 10 else f"{megabits:.1f}".removesuffix(".0")
