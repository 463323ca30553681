"""What a screen reader finds."""

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit, QWidget

from tests.desktop.jobs import a_job, failed, posted, uploading
from uploader.desktop.first_run import FirstRun
from uploader.desktop.main_window import MainWindow
from uploader.desktop.theme import Theme
from uploader.engine.facts import Changed

INTERACTIVE = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)


def nameless(root: QWidget) -> list[str]:
    """Widgets that take input and have no name."""
    found = []
    for kind in INTERACTIVE:
        for widget in root.findChildren(kind):
            if isinstance(widget.parentWidget(), QLineEdit | QComboBox | QAbstractSpinBox):
                continue  # the parts of a field speak through it
            interface = QAccessible.queryAccessibleInterface(widget)
            if not interface.text(QAccessible.Text.Name):
                found.append(f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}")
    return found


def test_everything_that_can_be_operated_has_a_name(window: MainWindow):
    window.take([Changed(uploading())])
    assert nameless(window) == []


def test_the_first_run_page_has_names_too(theme: Theme, qtbot: object):
    page = FirstRun(theme)
    for show in (page.ask_server, lambda: page.ask_sign_in("films.example"), lambda: page.wait_for_browser("x")):
        show()
        assert nameless(page) == []
    page.deleteLater()


def test_rows_speak(window: MainWindow):
    window.take([Changed(uploading(1, title="Harbour")), Changed(failed(2)), Changed(posted(3))])
    interface = QAccessible.queryAccessibleInterface(window.view)
    assert interface.text(QAccessible.Text.Name) == "Videos"
    assert interface.childCount() == 3
    row = interface.child(0)
    assert row.text(QAccessible.Text.Name) == "Harbour"
    assert row.text(QAccessible.Text.Description) == "Uploading. 50 %"
    assert interface.child(1).text(QAccessible.Text.Description).startswith("The file changed on disk. Upload the new")


@pytest.mark.parametrize("role", [QAccessible.Role.List, QAccessible.Role.EditableText, QAccessible.Role.CheckBox])
def test_widgets_have_their_roles(window: MainWindow, role: QAccessible.Role):
    window.take([Changed(a_job())])
    roles = {
        QAccessible.queryAccessibleInterface(widget).role()
        for widget in (window.view, window.form.text, window.form.at_once)
    }
    assert role in roles


def test_a_banner_is_read_as_one_sentence(window: MainWindow):
    window.work.banner.say("Sign in to continue", "Your videos and texts are kept.", "Sign in")
    interface = QAccessible.queryAccessibleInterface(window.work.banner)
    assert interface.text(QAccessible.Text.Name) == "Sign in to continue. Your videos and texts are kept."
