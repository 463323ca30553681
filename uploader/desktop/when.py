"""The time a post is to go out at: none, until a person ticks the box and sets one."""

from datetime import UTC, datetime, time, timedelta

from PySide6.QtCore import QDateTime, QLocale, QRect, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QTextCharFormat
from PySide6.QtWidgets import QAbstractButton, QCalendarWidget, QDateTimeEdit, QTableView, QToolButton, QWidget

from uploader.desktop import tokens
from uploader.desktop.icons import icon
from uploader.desktop.pieces import Tick, named, row
from uploader.desktop.theme import Theme

UNSET, SET = "Post at a set time", "Post on"
FORMAT = "ddd d MMM yyyy, HH:mm"
FURTHEST = timedelta(days=365)
"""How far ahead: servers take a year."""

EVENING = 18
"""The hour that is offered first, tomorrow."""


PARTS = {
    "qt_calendar_prevmonth": "Month before",
    "qt_calendar_nextmonth": "Month after",
    "qt_calendar_monthbutton": "Month",
    "qt_calendar_yearbutton": "Year",
    "qt_calendar_yearedit": "Year",
    "qt_calendar_calendarview": "Days",
}
"""Qt's own names of the calendar's parts, and what a screen reader calls them."""


class When(QWidget):
    """A box, and beside it, once it is ticked, day and time: arrow keys step through the part under the cursor."""

    changed = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.tick = Tick(UNSET, theme)
        self.tick.toggled.connect(self._ticked)
        self.field = named(_Field(theme), "Day and time of the post")
        self.field.dateTimeChanged.connect(lambda _: self.changed.emit(self.time))
        whole = row(tokens.S, within=self)
        whole.addWidget(self.tick)
        whole.addWidget(self.field, 1)
        self.show_time(None)

    @property
    def time(self) -> datetime | None:
        """What is set (UTC), to the minute."""
        if not self.tick.isChecked():
            return None
        seconds = self.field.dateTime().toSecsSinceEpoch()
        return datetime.fromtimestamp(seconds - seconds % 60, UTC)

    def show_time(self, moment: datetime | None) -> None:
        """Show this time, without telling anybody."""
        with QSignalBlocker(self.tick), QSignalBlocker(self.field):
            self.tick.setChecked(moment is not None)
            if moment is not None:
                self.field.setDateTime(_qt(moment))
        self._arrange()

    def is_edited(self) -> bool:
        """Whether somebody is at it now."""
        return self.field.hasFocus() or self.tick.hasFocus() or self.field.calendarWidget().isVisible()

    def _ticked(self, on: bool) -> None:
        if on:
            now = datetime.now().astimezone()
            with QSignalBlocker(self.field):
                self.field.setDateTimeRange(_qt(now), _qt(now + FURTHEST))
                self.field.setDateTime(_qt(tomorrow_evening(now)))
                self.field.clearMinimumDateTime()
                self.field.setMinimumDate(_qt(now).date())
        self._arrange()
        self.changed.emit(self.time)

    def _arrange(self) -> None:
        on = self.tick.isChecked()
        self.field.setVisible(on)
        self.tick.setText(SET if on else UNSET)
        self.tick.setAccessibleName(UNSET)
        self.tick.updateGeometry()


class _Field(QDateTimeEdit):
    """Day and time in words, with a calendar under the arrow."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setLocale(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))
        self.setDisplayFormat(FORMAT)
        self.setCalendarPopup(True)
        self.setKeyboardTracking(False)
        self.setFixedHeight(tokens.CONTROL)
        calendar = self.calendarWidget()
        calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        for part, name in PARTS.items():
            for found in calendar.findChildren(QWidget, part):
                named(found, name)
        for days in calendar.findChildren(QTableView):
            for corner in days.findChildren(QAbstractButton):
                named(corner, "Days")
        theme.changed.connect(self._dress)
        self._dress()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        super().paintEvent(event)
        colours = self._theme.colours
        size = tokens.ICON
        at = QRect(self.width() - size - tokens.S, (self.height() - size) // 2, size, size)
        icon("choose", colours.text if self.isEnabled() else colours.secondary).paint(QPainter(self), at)

    def _dress(self) -> None:
        """The calendar's own arrows and weekends are black and red in every palette."""
        calendar, colours = self.calendarWidget(), self._theme.colours
        day = QTextCharFormat()
        day.setForeground(QColor(colours.text))
        for weekday in (Qt.DayOfWeek.Saturday, Qt.DayOfWeek.Sunday):
            calendar.setWeekdayTextFormat(weekday, day)
        for name, glyph in (("qt_calendar_prevmonth", "earlier"), ("qt_calendar_nextmonth", "later")):
            button = calendar.findChild(QToolButton, name)
            if isinstance(button, QToolButton):
                button.setIcon(icon(glyph, colours.text))
        self.update()


def tomorrow_evening(now: datetime) -> datetime:
    """What is offered first, on this computer's clock, also where that is put forward or back tonight."""
    return datetime.combine(now.astimezone().date() + timedelta(days=1), time(EVENING)).astimezone()


def _qt(moment: datetime) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(moment.timestamp()))
