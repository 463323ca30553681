"""The list: selection, the pointer over a row's buttons, and the keyboard."""

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QToolTip, QWidget

from uploader.desktop import describe, tokens
from uploader.desktop.describe import Action
from uploader.desktop.queue_model import JOB, QueueFilter
from uploader.desktop.row_delegate import Part, RowDelegate, places
from uploader.desktop.row_drag import RowDrag
from uploader.desktop.theme import Theme
from uploader.desktop.thumbnails import Thumbnails
from uploader.engine.job import Job

_BY_KEYBOARD = {
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
}


class QueueView(QListView):
    """Rows of jobs. Says which were chosen, which button of a row was pressed, and where a menu is wanted.

    `put_down` carries the chosen jobs and the job they were put before, None at the end.
    """

    chosen = Signal()
    pressed_action = Signal(object, object)
    menu_wanted = Signal(QPoint)
    put_down = Signal(object, object)

    def __init__(self, rows: QueueFilter, theme: Theme, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delegate = RowDelegate(theme, thumbnails, self)
        self._drag = RowDrag(self, theme)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setModel(rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(tokens.XXL)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAccessibleName("Videos")
        self.setAccessibleDescription("Space pauses or resumes, Delete removes, Alt and the arrow keys move a video")
        self.verticalScrollBar().rangeChanged.connect(self._align)
        thumbnails.arrived.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)
        self._align()

    def selectionChanged(self, selected, deselected) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, N802  (Qt's)
        """Qt tells of every change of the selection."""
        super().selectionChanged(selected, deselected)
        self.chosen.emit()

    def jobs(self) -> list[Job]:
        """The chosen jobs, in the list's order."""
        indexes = sorted(self.selectionModel().selectedIndexes(), key=QModelIndex.row)
        return [index.data(JOB) for index in indexes]

    def choose(self, index: QModelIndex) -> None:
        """Choose one row and bring it into view."""
        if index.isValid():
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.scrollTo(index)

    def part_at(self, point: QPoint) -> tuple[Job, Part] | None:
        """The job and the part of its row under a point of the viewport."""
        index = self.indexAt(point)
        if not index.isValid():
            return None
        job: Job = index.data(JOB)
        where = places(self.visualRect(index), describe.primary(job))
        return job, where.at(point.toPointF())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """Follow the pointer; over a button nothing is dragged or selected."""
        found = self.part_at(event.position().toPoint())
        self._heat((found[0].id, found[1]) if found else None)
        if self._delegate.pressed is None:
            super().mouseMoveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """A press on a button belongs to the button."""
        self._delegate.ring = False
        found = self.part_at(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and found and found[1] is not Part.BODY:
            self._delegate.pressed = (found[0].id, found[1])
            self.viewport().update()
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """Let go over the same button: do it."""
        pressed, self._delegate.pressed = self._delegate.pressed, None
        if pressed is None:
            super().mouseReleaseEvent(event)
            return
        point = event.position().toPoint()
        found = self.part_at(point)
        self.viewport().update()
        if not found or pressed != (found[0].id, found[1]):
            return
        job, part = found
        if part is Part.MORE:
            if job not in self.jobs():
                self.choose(self.indexAt(point))
            where = places(self.visualRect(self.indexAt(point)), describe.primary(job))
            self.menu_wanted.emit(self.viewport().mapToGlobal(where.more.bottomLeft()))
        elif part is Part.PRIMARY and (action := describe.primary(job)):
            self.pressed_action.emit(action, [job])

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """The second press on a button counts as a press."""
        self.mousePressEvent(event)

    def startDrag(self, _actions: Qt.DropAction) -> None:  # noqa: N802  (Qt's name)
        """The pointer was moved with a row in hand: those that may be moved go along."""
        if any(Action.MOVE_UP in describe.allowed(job) for job in self.jobs()):
            self._drag.begin(self.currentIndex())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  (Qt's name)
        """Rows of this list; files are the window's."""
        self._drag.over(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802  (Qt's name)
        """At the edges the list scrolls along."""
        if self._drag.over(event):
            self.startAutoScroll()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  (Qt's name)
        """The pointer is elsewhere."""
        self.stopAutoScroll()
        self._drag.end()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  (Qt's name)
        """Put down: the queue hears of it, and the list follows."""
        self.stopAutoScroll()
        if self._drag.over(event) and self._drag.gap is not None:
            after = [self.model().index(row, 0).data(JOB) for row in range(self._drag.gap, self.model().rowCount())]
            moving = [job for job in self.jobs() if Action.MOVE_UP in describe.allowed(job)]
            self.put_down.emit(moving, next((job for job in after if job not in moving), None))
        self._drag.end()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """The rows, and where what is dragged would fall."""
        super().paintEvent(event)
        self._drag.paint()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  (Qt's name)
        """The pointer went away."""
        self._heat(None)
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802  (Qt's name)
        """By right click at the pointer, by the menu key at the row."""
        point = event.pos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            point = self.visualRect(self.currentIndex()).center()
        if self.selectionModel().hasSelection():
            self.menu_wanted.emit(self.viewport().mapToGlobal(point))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """From here on the focus ring shows."""
        self._delegate.ring = True
        self.viewport().update()
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  (Qt's name)
        """Reached by keyboard, the list shows where it is."""
        self._delegate.ring = event.reason() in _BY_KEYBOARD
        super().focusInEvent(event)
        by_mouse = event.reason() == Qt.FocusReason.MouseFocusReason
        if not by_mouse and not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """A tooltip over a button names what it does."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            found = self.part_at(event.pos())
            if found and found[1] is not Part.BODY:
                words = "More" if found[1] is Part.MORE else str(describe.primary(found[0]) or "")
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().viewportEvent(event)

    def _heat(self, hot: tuple[str, Part] | None) -> None:
        if hot != self._delegate.hot:
            self._delegate.hot = hot
            self.viewport().update()

    def _align(self) -> None:
        """Keep the cards' margins equal, with and without a scroll bar."""
        side = tokens.L - tokens.ROW_GAP // 2
        bar = self.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.maximum() > 0 else 0
        self.setViewportMargins(side, 0, max(0, side - taken), 0)


Index = QModelIndex | QPersistentModelIndex
