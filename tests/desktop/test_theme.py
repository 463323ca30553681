"""Light and dark, applied live."""

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtTest import QSignalSpy

from uploader.desktop import tokens
from uploader.desktop.icons import GLYPHS, icon
from uploader.desktop.main_window import MainWindow
from uploader.desktop.theme import Theme, font


@pytest.fixture
def worn(theme: Theme) -> Iterator[Theme]:
    yield theme
    theme.choose("light")


def test_the_persons_choice_is_worn_at_once(worn: Theme, window: MainWindow):
    changed = QSignalSpy(worn.changed)
    worn.choose("dark")
    assert worn.colours is tokens.DARK
    assert changed.count() == 1
    assert window.palette().color(QPalette.ColorRole.Window).name().upper() == tokens.DARK.window
    picture = window.grab().toImage()
    assert picture.pixelColor(5, window.height() // 2).name().upper() == tokens.DARK.window
    worn.choose("light")
    assert window.grab().toImage().pixelColor(5, window.height() // 2).name().upper() == tokens.LIGHT.window


def test_the_systems_choice_is_followed_only_where_the_person_left_it_to_the_system(worn: Theme):
    worn.choose("dark")
    QGuiApplication.styleHints().colorSchemeChanged.emit(QGuiApplication.styleHints().colorScheme())
    assert worn.colours is tokens.DARK
    worn.choose("system")
    assert worn.colours is tokens.LIGHT  # offscreen the system has no opinion


def test_numbers_that_change_stand_in_columns():
    assert font(tokens.BODY, figures=True).featureTags()
    assert font(tokens.TITLE, semibold=True).pixelSize() == tokens.TITLE


@pytest.mark.parametrize("name", GLYPHS)
def test_every_glyph_exists(qapp: object, name: str):
    assert not icon(name, "#000000").pixmap(24, 24).isNull()
