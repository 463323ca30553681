"""The preferences: reached by key and menu, operated without a mouse, and kept."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desktop.desks import Desks
from tests.desktop.patient_bot import PatientBot
from tests.desktop.test_accessibility import nameless
from uploader import settings
from uploader.desktop.app import Desktop
from uploader.settings import Settings


@pytest.fixture
def desktop(qtbot: PatientBot, desks: Desks) -> Desktop:
    """One with a server that nobody can reach, in front."""
    settings.save(desks.paths.settings, Settings(server="http://127.0.0.1:9"))
    started = desks.start()
    qtbot.show(started.window)
    return started


def test_ctrl_comma_opens_them_and_escape_closes_them(qtbot: QtBot, desktop: Desktop):
    qtbot.keyClick(desktop.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(desktop.preferences.isVisible)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is desktop.preferences.tabs.tabBar())
    qtbot.keyClick(desktop.preferences, Qt.Key.Key_Escape)
    assert desktop.preferences.isHidden()


def test_both_menus_offer_them(desktop: Desktop):
    header = desktop.window.header
    for menu in (header.account_menu, header.menu_button.menu()):
        assert desktop.window.preferences_action in menu.actions()


def test_everything_on_every_page_has_a_name(desktop: Desktop):
    assert desktop.preferences.tabs.count() > 0
    assert nameless(desktop.preferences) == []


def test_an_appearance_chosen_here_is_worn_shown_everywhere_and_kept(qtbot: QtBot, desktop: Desktop, desks: Desks):
    desktop.preferences.show_page("General")
    appearance = desktop.general.appearance
    appearance.setFocus()
    qtbot.keyClick(appearance, Qt.Key.Key_End)
    assert desktop.theme.colours.dark
    assert settings.load(desks.paths.settings).appearance == "dark"
    desktop.window.header.appearance_chosen.emit("light")
    assert appearance.currentData() == "light"
