"""One row of the list, painted: frame, title, line of truth, progress, and the buttons at its right."""

import enum
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from uploader.desktop import amounts, tokens
from uploader.desktop.describe import Action, Description, Tone
from uploader.desktop.icons import icon
from uploader.desktop.queue_model import DESCRIPTION, JOB
from uploader.desktop.theme import Theme, font
from uploader.desktop.thumbnails import Thumbnails
from uploader.engine.job import Job, Step

ACTION_ICONS = {
    Action.PAUSE: "pause",
    Action.RESUME: "resume",
    Action.RETRY: "retry",
    Action.RESTART: "restart",
    Action.ANYWAY: "upload",
    Action.POST: "post",
    Action.POST_NOW: "post",
    Action.POST_THEN: "post",
    Action.HOLD: "hold",
    Action.OPEN: "open",
    Action.COPY_LINK: "copy",
    Action.SHOW_FILE: "folder",
    Action.RENAME: "edit",
    Action.MOVE_UP: "up",
    Action.MOVE_DOWN: "down",
    Action.CANCEL: "cancel",
    Action.REMOVE: "remove",
}
_SPELT_OUT = {Action.RETRY, Action.ANYWAY, Action.RESTART, Action.OPEN, Action.POST_NOW}


class Part(enum.Enum):
    """What of a row the pointer is on."""

    BODY = enum.auto()
    PRIMARY = enum.auto()
    MORE = enum.auto()


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of one row are, in the view's coordinates."""

    card: QRect
    frame: QRect
    text: QRect
    primary: QRect
    more: QRect

    def at(self, point: QPointF) -> Part:
        """The part under a point."""
        if self.primary.contains(point.toPoint()):
            return Part.PRIMARY
        return Part.MORE if self.more.contains(point.toPoint()) else Part.BODY


def places(rect: QRect, primary: Action | None) -> Places:
    """Lay one row out in its rectangle; the gap between rows and the room for the focus ring are part of it."""
    half = tokens.ROW_GAP // 2
    card = rect.adjusted(half, half, -half, -half)
    width, height = tokens.THUMBNAIL
    frame = QRect(card.left() + tokens.ROW_PAD, card.top() + tokens.ROW_PAD, width, height)
    button = tokens.ROW_BUTTON
    top = card.top() + (card.height() - button) // 2
    more = QRect(card.right() - tokens.S - button, top, button, button)
    wide = button
    if primary in _SPELT_OUT:
        wide += QFontMetrics(font(tokens.BODY)).horizontalAdvance(str(primary)) + tokens.M
    beside = QRect(more.left() - tokens.XS - wide, top, wide, button)
    left = frame.right() + tokens.M + 1
    right = beside.left() - tokens.M
    text = QRect(left, card.top() + tokens.ROW_PAD, max(0, right - left), card.height() - 2 * tokens.ROW_PAD)
    return Places(card, frame, text, beside if primary else QRect(), more)


class RowDelegate(QStyledItemDelegate):
    """Paints rows. The view tells it what the pointer is on (`hot`) and whether focus came by keyboard."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._thumbnails = thumbnails
        self.hot: tuple[str, Part] | None = None
        self.pressed: tuple[str, Part] | None = None
        self.ring = False

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802  (Qt's name)
        """Every row is as high as every other."""
        return QSize(0, tokens.ROW + tokens.ROW_GAP)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Qt asks for one row."""
        job: Job = index.data(JOB)
        row: Description = index.data(DESCRIPTION)
        where = places(option.rect, row.primary)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._card(painter, option, job, where)
        self._frame(painter, job, where.frame)
        self._text(painter, job, row, where.text)
        self._buttons(painter, job, row.primary, where)
        painter.restore()

    def _card(self, painter: QPainter, option: QStyleOptionViewItem, job: Job, where: Places) -> None:
        colours = self._theme.colours
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        hovered = self.hot is not None and self.hot[0] == job.id
        fill = QColor(colours.hover if hovered and not chosen else colours.surface)
        if chosen:
            fill = mixed(colours.surface, colours.accent, 0.10)
        card = QRectF(where.card).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.line), 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(card, tokens.RADIUS_CARD, tokens.RADIUS_CARD)
        if self.ring and state & QStyle.StateFlag.State_HasFocus:
            reach = tokens.RING_OFFSET + tokens.RING / 2 - 0.5
            painter.setPen(QPen(QColor(colours.accent), tokens.RING))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            radius = tokens.RADIUS_CARD + reach
            painter.drawRoundedRect(card.adjusted(-reach, -reach, reach, reach), radius, radius)

    def _frame(self, painter: QPainter, job: Job, rect: QRect) -> None:
        colours = self._theme.colours
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(rect), tokens.RADIUS_THUMBNAIL, tokens.RADIUS_THUMBNAIL)
        ratio = painter.device().devicePixelRatio() if painter.device() else 1.0
        picture = self._thumbnails.of(job.thumbnail, rect.size(), ratio) if job.thumbnail else None
        painter.save()
        painter.setClipPath(outline)
        if picture is not None:
            painter.drawPixmap(rect, picture)
        else:
            painter.fillRect(rect, QColor(colours.line))
            glyph = QRect(0, 0, tokens.XL, tokens.XL)
            glyph.moveCenter(rect.center())
            icon("empty", colours.secondary).paint(painter, glyph)
        painter.restore()
        if job.duration is not None:
            self._badge(painter, amounts.length(job.duration), rect)

    def _badge(self, painter: QPainter, words: str, frame: QRect) -> None:
        painter.setFont(font(tokens.SMALL, figures=True))
        metrics = painter.fontMetrics()
        badge = QRect(0, 0, metrics.horizontalAdvance(words) + tokens.S, metrics.height() + 2)
        badge.moveBottomRight(frame.bottomRight() - QRect(0, 0, tokens.XS, tokens.XS).bottomRight())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.SCRIM))
        painter.drawRoundedRect(badge, tokens.RADIUS_THUMBNAIL, tokens.RADIUS_THUMBNAIL)
        painter.setPen(QColor(tokens.ON_SCRIM))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, words)

    def _text(self, painter: QPainter, job: Job, row: Description, rect: QRect) -> None:
        colours = self._theme.colours
        third = row.progress is not None or bool(row.hint)
        title, words = QFontMetrics(font(tokens.TITLE, semibold=True)), QFontMetrics(font(tokens.BODY))
        block = title.height() + tokens.XS + words.height() + ((tokens.XS + words.height()) if third else 0)
        top = rect.top() + (rect.height() - block) // 2
        line = QRect(rect.left(), top, rect.width(), title.height())
        if job.draft.approved and job.step is not Step.DONE:
            line.setWidth(self._posts_itself(painter, job, line, title))
        painter.setFont(font(tokens.TITLE, semibold=True))
        painter.setPen(QColor(colours.text))
        painter.drawText(line, _LEFT, title.elidedText(job.title, _ELIDE, line.width()))

        line = QRect(rect.left(), line.bottom() + tokens.XS + 1, rect.width(), words.height())
        self._dot(painter, row.tone, line)
        line.setLeft(line.left() + tokens.DOT + tokens.S)
        painter.setFont(font(tokens.BODY, figures=True))
        painter.setPen(QColor(self._tone(row.tone) if row.tone in {Tone.WARN, Tone.BAD} else colours.secondary))
        painter.drawText(line, _LEFT, painter.fontMetrics().elidedText(row.words, _ELIDE, line.width()))

        line = QRect(rect.left(), line.bottom() + tokens.XS + 1, rect.width(), words.height())
        if row.progress is not None:
            self._progress(painter, row, line)
        elif row.hint:
            painter.setFont(font(tokens.SMALL))
            painter.setPen(QColor(colours.secondary))
            line.setLeft(line.left() + tokens.DOT + tokens.S)
            painter.drawText(line, _LEFT, painter.fontMetrics().elidedText(row.hint, _ELIDE, line.width()))

    def _posts_itself(self, painter: QPainter, job: Job, line: QRect, metrics: QFontMetrics) -> int:
        """Mark a job whose post is written and waits; returns the width left for its title."""
        room = line.width() - tokens.L - tokens.S
        at = line.left() + min(metrics.horizontalAdvance(job.title), room) + tokens.S
        glyph = QRect(at, line.center().y() - tokens.L // 2 + 1, tokens.L, tokens.L)
        icon("posts itself", self._theme.colours.secondary).paint(painter, glyph)
        return room

    def _dot(self, painter: QPainter, tone: Tone, line: QRect) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._tone(tone)))
        painter.drawEllipse(
            QPointF(line.left() + tokens.DOT / 2, line.center().y() + 0.5), tokens.DOT / 2, tokens.DOT / 2
        )

    def _progress(self, painter: QPainter, row: Description, line: QRect) -> None:
        colours, progress = self._theme.colours, row.progress
        if progress is None:
            return
        painter.setFont(font(tokens.SMALL, figures=True))
        figures = painter.fontMetrics().horizontalAdvance("100 %")
        bar = QRectF(
            line.left(), line.center().y() - tokens.PROGRESS / 2 + 1, line.width() - figures - tokens.S, tokens.PROGRESS
        )
        filled = colours.secondary if row.tone in {Tone.QUIET, Tone.WARN, Tone.BAD} else colours.accent
        painter.setPen(Qt.PenStyle.NoPen)
        for share, colour in (
            (1000, QColor(colours.line)),
            (progress.sent, mixed(colours.line, filled, 0.45)),
            (progress.sure, QColor(filled)),
        ):
            if share:
                painter.setBrush(colour)
                part = QRectF(bar.left(), bar.top(), max(tokens.PROGRESS, bar.width() * share / 1000), bar.height())
                painter.drawRoundedRect(part, tokens.PROGRESS / 2, tokens.PROGRESS / 2)
        painter.setPen(QColor(colours.secondary))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{progress.percent} %")

    def _buttons(self, painter: QPainter, job: Job, primary: Action | None, where: Places) -> None:
        if primary is not None:
            self._button(painter, where.primary, primary, hot=self.hot == (job.id, Part.PRIMARY))
        self._button(painter, where.more, None, hot=self.hot == (job.id, Part.MORE))

    def _button(self, painter: QPainter, rect: QRect, action: Action | None, *, hot: bool) -> None:
        colours = self._theme.colours
        glyph = ACTION_ICONS[action] if action else "more"
        spelt = action in _SPELT_OUT
        if hot or spelt:
            painter.setPen(QPen(QColor(colours.edge), 1) if spelt else Qt.PenStyle.NoPen)
            painter.setBrush(
                QColor((colours.line if self.pressed or not spelt else colours.hover) if hot else colours.surface)
            )
            painter.drawRoundedRect(
                QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), tokens.RADIUS_BUTTON, tokens.RADIUS_BUTTON
            )
        size = tokens.ICON
        at = QRect(rect.left() + (tokens.ROW_BUTTON - size) // 2, rect.center().y() - size // 2 + 1, size, size)
        icon(glyph, colours.text if hot or spelt else colours.secondary).paint(painter, at)
        if spelt and action is not None:
            painter.setFont(font(tokens.BODY))
            painter.setPen(QColor(colours.text))
            painter.drawText(rect.adjusted(tokens.ROW_BUTTON - tokens.XS, 0, 0, 0), _LEFT, action)

    def _tone(self, tone: Tone) -> str:
        colours = self._theme.colours
        return {
            Tone.QUIET: colours.secondary,
            Tone.ACTIVE: colours.accent,
            Tone.GOOD: colours.good,
            Tone.WARN: colours.warn,
            Tone.BAD: colours.bad,
        }[tone]


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_ELIDE = Qt.TextElideMode.ElideRight


def mixed(ground: str, colour: str, share: float) -> QColor:
    """`share` of one colour on another."""
    below, above = QColor(ground), QColor(colour)
    return QColor.fromRgbF(
        below.redF() + (above.redF() - below.redF()) * share,
        below.greenF() + (above.greenF() - below.greenF()) * share,
        below.blueF() + (above.blueF() - below.blueF()) * share,
    )
