"""The limit in the line at the bottom: what holds now, and the menu that changes it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from uploader.desktop.limit_words import RATES, offered, status
from uploader.desktop.pieces import button
from uploader.desktop.rate_question import ask_rate
from uploader.engine.facts import Limited
from uploader.uplink import Allowed, Rule, Uplink


class LimitMenu(QObject):
    """A button and its menu. `chosen` carries fields of `Uplink` by name; `page_wanted` a page of the preferences."""

    chosen = Signal(object)
    full_speed_wanted = Signal(bool)
    page_wanted = Signal(str)

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.clock = clock
        self._fact = Limited(Uplink(), Allowed(None, Rule.LIMIT))
        self.button = button("", "status")
        self.menu = QMenu("Upload limit", self.button)
        self.button.setMenu(self.menu)
        self._group = QActionGroup(self.menu)
        self.show(self._fact)

    def show(self, fact: Limited) -> None:
        """What holds now."""
        self._fact = fact
        words = status(fact, self.clock())
        self.button.setText(f"{words} ▾")
        self.button.setAccessibleName(words)
        self._fill()

    def _fill(self) -> None:
        """The menu as it stands now: a limit of one's own is offered too."""
        chosen, menu = self._fact.chosen, self.menu
        menu.clear()
        self._group.deleteLater()
        self._group = group = QActionGroup(menu)

        def offer(words: str, *, ticked: bool, **changes: object) -> None:
            action = menu.addAction(words)
            action.setCheckable(True)
            action.setChecked(ticked)
            action.triggered.connect(lambda _: self.chosen.emit(changes))
            group.addAction(action)

        limit = None if chosen.scheduled else chosen.limit
        offer("No limit", ticked=not chosen.scheduled and limit is None, limit=None, scheduled=False)
        for rate in sorted({*RATES, *([limit] if limit else [])}):
            offer(offered(rate), ticked=rate == limit, limit=rate, scheduled=False)
        menu.addAction("Other limit…", self._ask)
        offer("As scheduled", ticked=chosen.scheduled, scheduled=True)
        menu.addSeparator()
        self._full_speed(menu.addAction("Full speed for an hour"))
        menu.addSeparator()
        menu.addAction("Schedule…", partial(self.page_wanted.emit, "Uploads"))
        menu.addAction("Preferences…", partial(self.page_wanted.emit, ""))

    def _full_speed(self, action: QAction) -> None:
        on = self._fact.now.by is Rule.HOUR
        action.setCheckable(True)
        action.setChecked(on)
        action.setEnabled(on or self._fact.now.limit is not None)
        action.triggered.connect(self.full_speed_wanted)

    def _ask(self) -> None:
        if rate := ask_rate(self.button.window(), self._fact.chosen.limit):
            self.chosen.emit({"limit": rate, "scheduled": False})
