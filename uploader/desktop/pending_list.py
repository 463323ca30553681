"""The posts that the server holds, as rows: what a post is known by, a dot, and its line of truth."""

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from uploader.desktop import pending_words, tokens
from uploader.desktop.describe import Tone
from uploader.desktop.pieces import named
from uploader.desktop.row_delegate import mixed
from uploader.desktop.theme import Theme, font
from uploader.wire import OwnPost

POST = Qt.ItemDataRole.UserRole
LINE, TONE = POST + 1, POST + 2
COLOURS = {Tone.QUIET: "secondary", Tone.ACTIVE: "accent", Tone.GOOD: "good", Tone.WARN: "warn", Tone.BAD: "bad"}
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
ELIDE = Qt.TextElideMode.ElideRight


class PendingList(QListWidget):
    """One can be chosen at a time, and stays so when the list is shown anew."""

    delete_pressed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        named(self, "Posts on the server")
        self.setAccessibleDescription("Return edits a post, Delete cancels it")
        self._delegate = _Row(theme, self)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(tokens.XXL)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.changed.connect(self.viewport().update)

    @property
    def chosen(self) -> OwnPost | None:
        """The post under the cursor."""
        item = self.currentItem()
        post: OwnPost | None = item.data(POST) if item is not None else None
        return post

    def show_posts(self, posts: Sequence[OwnPost]) -> None:
        """These, in this order. The one that was chosen is so again; the row of one that is gone goes to the next."""
        before, row = self.chosen, max(0, self.currentRow())
        self.clear()
        now = datetime.now(UTC)
        for post in posts:
            words, tone = pending_words.line(post, now)
            item = QListWidgetItem(pending_words.name(post), self)
            item.setData(POST, post)
            item.setData(LINE, words)
            item.setData(TONE, tone)
            whole = ". ".join(filter(None, (words, post.problem.action if post.problem else "")))
            item.setToolTip(whole)
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, whole)
        ids = [post.id for post in posts]
        if before is not None and before.id in ids:
            row = ids.index(before.id)
        self.setCurrentRow(min(row, len(ids) - 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  (Qt's name)
        """From here on the focus ring shows. Return is the list's own, and no button's."""
        self._delegate.ring = True
        self.viewport().update()
        super().keyPressEvent(event)
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            event.accept()
        elif event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.delete_pressed.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        """The ring is for the keyboard."""
        self._delegate.ring = False
        super().mousePressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  (Qt's name)
        """Reached by keyboard, the list shows where it is."""
        self._delegate.ring = event.reason() in {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason}
        super().focusInEvent(event)


class _Row(QStyledItemDelegate):
    """Paints one post."""

    def __init__(self, theme: Theme, parent: QListWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.ring = False

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802  (Qt's name)
        """Every row is as high as every other."""
        return QSize(0, tokens.POST_ROW + tokens.ROW_GAP)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Qt asks for one row."""
        half = tokens.ROW_GAP // 2
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = option.rect.adjusted(half, half, -half, -half)
        self._card(painter, option, QRectF(card).adjusted(0.5, 0.5, -0.5, -0.5))
        self._text(painter, index, card.adjusted(tokens.M, 0, -tokens.M, 0))
        painter.restore()

    def _card(self, painter: QPainter, option: QStyleOptionViewItem, card: QRectF) -> None:
        colours, chosen = self._theme.colours, bool(option.state & QStyle.StateFlag.State_Selected)
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.line), 1))
        painter.setBrush(mixed(colours.surface, colours.accent, 0.10) if chosen else QColor(colours.surface))
        painter.drawRoundedRect(card, tokens.RADIUS_CARD, tokens.RADIUS_CARD)
        if self.ring and option.state & QStyle.StateFlag.State_HasFocus:
            reach = tokens.RING_OFFSET + tokens.RING / 2 - 0.5
            painter.setPen(QPen(QColor(colours.accent), tokens.RING))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            radius = tokens.RADIUS_CARD + reach
            painter.drawRoundedRect(card.adjusted(-reach, -reach, reach, reach), radius, radius)

    def _text(self, painter: QPainter, index: QModelIndex | QPersistentModelIndex, rect: QRect) -> None:
        colours, tone = self._theme.colours, index.data(TONE)
        colour = QColor(getattr(colours, COLOURS[Tone(tone)]))
        painter.setFont(font(tokens.TITLE, semibold=True))
        title = painter.fontMetrics()
        middle = rect.center().y()
        at = QRect(rect.left(), middle - title.height(), rect.width(), title.height())
        painter.setPen(QColor(colours.text))
        painter.drawText(at, LEFT, title.elidedText(index.data(), ELIDE, at.width()))
        painter.setFont(font(tokens.BODY, figures=True))
        words = painter.fontMetrics()
        at = QRect(rect.left(), middle + tokens.XS, rect.width(), words.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        radius = tokens.DOT / 2
        painter.drawEllipse(QPointF(at.left() + radius, at.center().y() + 0.5), radius, radius)
        at.setLeft(at.left() + tokens.DOT + tokens.S)
        painter.setPen(colour if tone == Tone.BAD else QColor(colours.secondary))
        painter.drawText(at, LEFT, words.elidedText(index.data(LINE), ELIDE, at.width()))
