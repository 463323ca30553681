"""The preferences of uploads: how many at once, how fast, and when."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from uploader.desktop import tokens
from uploader.desktop.limit_words import RATES, offered
from uploader.desktop.pieces import Choice, Tick, button, column, label, named, row
from uploader.desktop.rate_question import ask_rate
from uploader.desktop.schedule_grid import ScheduleGrid
from uploader.desktop.theme import Theme
from uploader.uplink import FULL, MOST_SLOTS, PAUSE, Uplink

OTHER = -1


class UploadsPage(QWidget):
    """Shows what is chosen. `chosen` carries what a person wants otherwise: fields of `Uplink` by name."""

    chosen = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._chosen = Uplink()
        self.slots = named(Choice(theme), "Videos at once")
        for slots in range(1, MOST_SLOTS + 1):
            self.slots.addItem(str(slots), slots)
        self.slots.activated.connect(lambda at: self.chosen.emit({"slots": self.slots.itemData(at)}))
        self.limit = named(Choice(theme), "Upload limit")
        self.limit.activated.connect(self._limit_picked)
        self.scheduled = Tick("Follow the schedule instead of the limit", theme)
        self.scheduled.clicked.connect(lambda on: self.chosen.emit({"scheduled": on}))
        self.grid = ScheduleGrid(theme)
        self.grid.changed.connect(lambda week: self.chosen.emit({"schedule": week}))
        self.no_limit = button("No limit", name="No limit in the chosen hours")
        self.no_limit.clicked.connect(lambda: self.grid.set_chosen(FULL))
        self.pause = button("Pause", name="Pause in the chosen hours")
        self.pause.clicked.connect(lambda: self.grid.set_chosen(PAUSE))
        self.hours = named(Choice(theme), "Limit in the chosen hours")
        self.hours.activated.connect(self._hours_picked)
        self.set_limit = button("Limit to", name="Set this limit in the chosen hours")
        self.set_limit.clicked.connect(lambda: self.grid.set_chosen(self.hours.currentData()))
        self.grid.limit_wanted.connect(self.set_limit.click)
        self._offer(self.hours, RATES[2])
        self._lay_out()
        self.show_uplink(Uplink())

    def show_uplink(self, chosen: Uplink) -> None:
        """What is chosen now."""
        self._chosen = chosen
        self.slots.setCurrentIndex(self.slots.findData(chosen.slots))
        self._offer(self.limit, chosen.limit, none="No limit")
        self.limit.setEnabled(not chosen.scheduled)
        self.scheduled.setChecked(chosen.scheduled)
        self.grid.show_week(chosen.schedule)

    def _offer(self, choice: Choice, rate: int | None, none: str = "") -> None:
        """Fill a choice of limits, with this one among them and chosen."""
        choice.clear()
        if none:
            choice.addItem(none, None)
        for one in sorted({*RATES, *([rate] if rate else [])}):
            choice.addItem(offered(one), one)
        choice.addItem("Other…", OTHER)
        choice.setCurrentIndex(choice.findData(rate))

    def _limit_picked(self, at: int) -> None:
        rate = self.limit.itemData(at)
        if rate == OTHER:
            rate = ask_rate(self, self._chosen.limit) or self._chosen.limit
        self._offer(self.limit, rate, none="No limit")
        self.chosen.emit({"limit": rate})

    def _hours_picked(self, at: int) -> None:
        if self.hours.itemData(at) == OTHER:
            self._offer(self.hours, ask_rate(self, None) or RATES[2])
        self.grid.set_chosen(self.hours.currentData())

    def _lay_out(self) -> None:
        page = column(tokens.S, (tokens.XL, tokens.L, tokens.XL, tokens.S), self)
        for words, choice in (("Videos at once", self.slots), ("Upload limit", self.limit)):
            name = label(words)
            name.setFixedWidth(tokens.CHOICE - tokens.XXL)
            line = row(tokens.M)
            line.addWidget(name)
            choice.setMinimumWidth(tokens.CHOICE)
            line.addWidget(choice)
            line.addStretch(1)
            page.addLayout(line)
        page.addWidget(
            label(
                "One at a time brings the first video online soonest; a small one may overtake.",
                "secondary",
                wrap=True,
            )
        )
        page.addSpacing(tokens.S)
        page.addWidget(label("Schedule", "title"))
        page.addWidget(self.scheduled)
        page.addWidget(self.grid)
        writes = row(tokens.S)
        writes.addWidget(label("Chosen hours:"))
        for widget in (self.no_limit, self.pause, self.set_limit, self.hours):
            writes.addWidget(widget)
        writes.addStretch(1)
        page.addLayout(writes)
        words = (
            "Numbers are Mbit/s, ‖ is a pause. By keyboard: Delete, P and L. Hours are those of this computer’s clock."
        )
        page.addWidget(label(words, "secondary", wrap=True))
        page.addStretch(1)
