"""The upload limit in the window: what holds is said, and everything that changes it is reached without a mouse."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer, SignalInstance
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desktop.desks import PATIENCE, Desks
from tests.desktop.jobs import NOW, uploading
from tests.desktop.patient_bot import PatientBot
from tests.desktop.test_accessibility import nameless
from uploader import settings
from uploader.desktop import limit_words
from uploader.desktop.app import Desktop
from uploader.desktop.limit_menu import LimitMenu
from uploader.desktop.rate_question import RateQuestion, ask_rate
from uploader.desktop.theme import Theme
from uploader.desktop.uploads_page import UploadsPage
from uploader.engine import instance
from uploader.engine.facts import Account, AccountState, Changed, Limited, Network
from uploader.engine.job import Trouble
from uploader.settings import Settings
from uploader.uplink import FULL, PAUSE, Allowed, Rule, Uplink, Week

MBIT = 125_000
SOON = NOW + timedelta(minutes=20)
CLOCK = f"{SOON.astimezone():%H:%M}"
Key = Qt.Key


def heard(signal: SignalInstance) -> list[Any]:
    """What a signal has carried so far."""
    said: list[Any] = []
    signal.connect(said.append)
    return said


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Allowed(FULL, Rule.LIMIT), "Limit: off"),
        (Allowed(8 * MBIT, Rule.LIMIT), "Limit: 8 Mbit/s"),
        (Allowed(50_000, Rule.LIMIT), "Limit: 400 kbit/s"),
        (Allowed(FULL, Rule.SCHEDULE), "Limit: off"),
        (Allowed(8 * MBIT, Rule.SCHEDULE, SOON), f"Limit: 8 Mbit/s until {CLOCK}"),
        (Allowed(PAUSE, Rule.SCHEDULE, SOON), f"Paused until {CLOCK}"),
        (Allowed(PAUSE, Rule.SCHEDULE), "Paused"),
        (Allowed(FULL, Rule.HOUR, SOON), f"Full speed until {CLOCK}"),
    ],
)
def test_what_holds_now_is_said_below_the_list(allowed: Allowed, words: str):
    assert limit_words.status(Limited(Uplink(), allowed), NOW) == words


def test_a_limit_is_offered_in_both_units():
    assert [limit_words.offered(rate) for rate in (MBIT, 10 * MBIT)] == [
        "1 Mbit/s (125 kB/s)",
        "10 Mbit/s (1.25 MB/s)",
    ]


class TestMenu:
    @pytest.fixture
    def menu(self, qtbot: QtBot) -> LimitMenu:
        made = LimitMenu(lambda: NOW)
        qtbot.addWidget(made.button)
        return made

    def entry(self, menu: LimitMenu, words: str) -> QAction:
        return next(action for action in menu.menu.actions() if action.text() == words)

    def ticked(self, menu: LimitMenu) -> list[str]:
        return [action.text() for action in menu.menu.actions() if action.isChecked()]

    def test_it_offers_what_is_usual_and_what_was_chosen(self, menu: LimitMenu):
        assert self.ticked(menu) == ["No limit"]
        menu.show(Limited(Uplink(limit=3 * MBIT), Allowed(3 * MBIT, Rule.LIMIT)))
        assert self.ticked(menu) == ["3 Mbit/s (375 kB/s)"]
        assert menu.button.accessibleName() == "Limit: 3 Mbit/s"
        menu.show(Limited(Uplink(limit=3 * MBIT, scheduled=True), Allowed(FULL, Rule.SCHEDULE)))
        assert self.ticked(menu) == ["As scheduled"]

    @pytest.mark.parametrize(
        ("words", "changes"),
        [
            ("No limit", {"limit": None, "scheduled": False}),
            ("5 Mbit/s (625 kB/s)", {"limit": 5 * MBIT, "scheduled": False}),
            ("As scheduled", {"scheduled": True}),
        ],
    )
    def test_an_entry_says_what_is_wanted(self, menu: LimitMenu, words: str, changes: dict[str, object]):
        chosen = heard(menu.chosen)
        self.entry(menu, words).trigger()
        assert chosen[0] == changes

    def test_full_speed_is_offered_where_something_holds_back_and_ended_where_it_is_on(self, menu: LimitMenu):
        wanted = heard(menu.full_speed_wanted)
        assert not self.entry(menu, "Full speed for an hour").isEnabled()
        menu.show(Limited(Uplink(limit=MBIT), Allowed(MBIT, Rule.LIMIT)))
        self.entry(menu, "Full speed for an hour").trigger()
        menu.show(Limited(Uplink(limit=MBIT), Allowed(FULL, Rule.HOUR, SOON)))
        self.entry(menu, "Full speed for an hour").trigger()
        assert wanted == [True, False]

    def test_the_schedule_is_in_the_preferences(self, menu: LimitMenu):
        wanted = heard(menu.page_wanted)
        self.entry(menu, "Schedule…").trigger()
        self.entry(menu, "Preferences…").trigger()
        assert wanted == ["Uploads", ""]

    def test_another_limit_is_asked_for(self, qtbot: QtBot, menu: LimitMenu):
        chosen = heard(menu.chosen)

        def answer() -> None:
            question = QApplication.activeModalWidget()
            assert isinstance(question, RateQuestion)
            question.field.setText("fast")
            qtbot.keyClick(question.field, Key.Key_Return)
            assert question.words.text().startswith("Write a speed of at least 1 kB/s")
            question.field.setText("300 kB/s")
            qtbot.keyClick(question.field, Key.Key_Return)

        QTimer.singleShot(0, answer)
        self.entry(menu, "Other limit…").trigger()
        assert chosen[0] == {"limit": 300_000, "scheduled": False}

    def test_no_answer_changes_nothing(self, qtbot: QtBot, menu: LimitMenu):
        QTimer.singleShot(0, lambda: qtbot.keyClick(QApplication.activeModalWidget(), Key.Key_Escape))
        assert ask_rate(menu.button, 5 * MBIT) is None


class TestPage:
    @pytest.fixture
    def page(self, qtbot: PatientBot, theme: Theme) -> UploadsPage:
        made = UploadsPage(theme)
        qtbot.addWidget(made)
        qtbot.show(made)
        return made

    def test_everything_has_a_name(self, page: UploadsPage):
        assert nameless(page) == []

    def test_it_shows_what_is_chosen_and_says_what_is_wanted(self, page: UploadsPage):
        chosen = heard(page.chosen)
        page.show_uplink(Uplink(slots=3, limit=7 * MBIT))
        assert (page.slots.currentData(), page.limit.currentData()) == (3, 7 * MBIT)
        page.slots.activated.emit(page.slots.findData(4))
        page.limit.activated.emit(page.limit.findData(None))
        page.scheduled.click()
        assert chosen == [{"slots": 4}, {"limit": None}, {"scheduled": True}]
        assert page.slots.count() == 4

    def test_with_the_schedule_the_limit_rests(self, page: UploadsPage):
        page.show_uplink(Uplink(scheduled=True))
        assert page.scheduled.isChecked()
        assert not page.limit.isEnabled()

    def test_hours_are_written_by_keyboard(self, qtbot: QtBot, page: UploadsPage):
        chosen = heard(page.chosen)
        grid = page.grid
        grid.setFocus()
        grid.setCurrentCell(1, 8)
        qtbot.keyClick(grid, Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyClick(grid, Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        places = [24 + 8, 24 + 9, 48 + 8, 48 + 9]
        qtbot.keyClick(grid, Key.Key_P)
        paused = Week().with_cells(places, PAUSE)
        assert chosen[0] == {"schedule": paused}
        qtbot.keyClick(grid, Key.Key_L)
        assert chosen[1] == {"schedule": Week().with_cells(places, 5 * MBIT)}
        qtbot.keyClick(grid, Key.Key_Delete)
        assert chosen[2] == {"schedule": Week()}
        qtbot.keyClick(grid, Key.Key_Delete)
        assert len(chosen) == 3, "nothing changed"

    def test_tab_leaves_the_grid(self, qtbot: QtBot, page: UploadsPage):
        page.grid.setFocus()
        qtbot.keyClick(page.grid, Key.Key_Tab)
        assert page.no_limit.hasFocus()

    def test_every_hour_is_read_with_its_day_and_limit(self, page: UploadsPage):
        page.show_uplink(Uplink(schedule=Week().with_cells([6 * 24 + 23], PAUSE).with_cells([8], 5 * MBIT)))
        table = QAccessible.queryAccessibleInterface(page.grid)
        cells = [table.child(at) for at in range(table.childCount())]
        said = {cell.text(QAccessible.Text.Name) for cell in cells if cell.role() is QAccessible.Role.Cell}
        assert len(said) == 7 * 24
        assert {
            "Monday 08:00 to 09:00, 5 Mbit/s",
            "Monday 09:00 to 10:00, no limit",
            "Sunday 23:00 to 00:00, pause",
        } < said


class TestProgram:
    @pytest.fixture
    def desktop(self, qtbot: QtBot, desks: Desks) -> Desktop:
        """One with a server that nobody can reach, and an engine."""
        settings.save(desks.paths.settings, Settings(server="http://127.0.0.1:9", limit=5 * MBIT))
        started = desks.start()
        qtbot.waitUntil(lambda: started.bridge.engine is not None, timeout=PATIENCE)
        return started

    def words(self, desktop: Desktop) -> str:
        return desktop.window.work.limit.button.accessibleName()

    def test_a_choice_in_the_menu_holds_is_kept_and_shows_in_the_preferences(
        self, qtbot: QtBot, desktop: Desktop, desks: Desks
    ):
        qtbot.waitUntil(lambda: self.words(desktop) == "Limit: 5 Mbit/s", timeout=PATIENCE)
        desktop.window.work.limit.chosen.emit({"limit": 2 * MBIT, "scheduled": False})
        qtbot.waitUntil(lambda: self.words(desktop) == "Limit: 2 Mbit/s", timeout=PATIENCE)
        assert desktop.uploads.limit.currentData() == 2 * MBIT
        qtbot.waitUntil(lambda: settings.load(desks.paths.settings).limit == 2 * MBIT, timeout=PATIENCE)
        desktop.session.choose(appearance="light")
        assert settings.load(desks.paths.settings).limit == 2 * MBIT

    def test_a_limit_set_in_a_terminal_holds_and_shows_in_the_window(
        self, qtbot: QtBot, desktop: Desktop, desks: Desks
    ):
        command = {"do": "limit", "change": {"limit": 3 * MBIT, "slots": 2}}
        said: list[Any] = []
        other = threading.Thread(target=lambda: said.extend(instance.ask(desks.paths, command)))
        other.start()
        qtbot.waitUntil(lambda: bool(said), timeout=PATIENCE)
        other.join()
        assert said[0]["now"] == 3 * MBIT
        qtbot.waitUntil(lambda: self.words(desktop) == "Limit: 3 Mbit/s", timeout=PATIENCE)
        assert desktop.uploads.slots.currentData() == 2

    def test_full_speed_is_on_after_a_restart_too(self, qtbot: QtBot, desktop: Desktop, desks: Desks):
        desktop.window.work.limit.full_speed_wanted.emit(True)
        qtbot.waitUntil(lambda: self.words(desktop).startswith("Full speed until"), timeout=PATIENCE)
        qtbot.waitUntil(lambda: settings.load(desks.paths.settings).full_speed_until is not None, timeout=PATIENCE)
        desks.leave()
        again = desks.start()
        qtbot.waitUntil(lambda: self.words(again).startswith("Full speed until"), timeout=PATIENCE)

    def test_a_pause_is_said_while_something_waits_and_one_press_ends_it(self, qtbot: QtBot, desktop: Desktop):
        banner = desktop.window.work.banner
        held = Limited(
            Uplink(), Allowed(PAUSE, Rule.SCHEDULE), Trouble("paused_by_schedule", "Uploads pause", "Nothing is lost.")
        )
        desktop.session._take((Account(AccountState.SIGNED_IN), Network(online=True, rate=0), held))
        assert banner.isHidden(), "nothing waits for it"
        desktop.session._take((Changed(uploading()),))
        assert (banner.title.text(), banner.button.text()) == ("Uploads pause", "Full speed for an hour")
        banner.button.click()
        qtbot.waitUntil(lambda: self.words(desktop).startswith("Full speed until"), timeout=PATIENCE)
        assert banner.isHidden() or banner.title.text() != "Uploads pause"

    def test_the_schedule_opens_from_the_line_below(self, qtbot: QtBot, desktop: Desktop):
        desktop.window.work.limit.page_wanted.emit("Uploads")
        assert desktop.preferences.tabs.tabText(desktop.preferences.tabs.currentIndex()) == "Uploads"
        assert desktop.uploads.grid.isVisible()
