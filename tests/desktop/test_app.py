"""The whole program in one process: first run, sign-in, a drop, a post, and away again."""

import locale
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from tests.desktop.desks import PATIENCE, Desks, Links
from tests.desktop.jobs import uploading
from tests.media import clips
from uploader import settings
from uploader.desktop import amounts
from uploader.desktop.app import hand_over, the_application
from uploader.engine import instance
from uploader.engine.facts import AccountState, Changed
from uploader.engine.job import Status

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_from_the_first_start_to_a_post_and_back_the_next_day(qtbot: QtBot, desks: Desks, links: Links, tmp_path: Path):
    desktop = desks.start()
    window, page = desktop.window, desktop.session._page
    links.answering = False
    assert page.local_button.isVisible()

    page.local_button.click()
    qtbot.waitUntil(page.again_button.isVisible, timeout=PATIENCE)
    assert "/setup/" in links.opened[-1]
    page.cancel_button.click()
    assert page.sign_in_title.text() == "Create your account"
    links.answering = True
    page.sign_in_button.click()
    qtbot.waitUntil(lambda: window.work.isVisible() and window._account.me is not None, timeout=PATIENCE)
    assert window.header.account_button.text() == " Ada ▾"
    assert settings.load(desks.paths.settings).server == settings.LOCAL

    window.add([clips.h264(tmp_path / "Hafen #1 ü.mp4")])
    qtbot.waitUntil(lambda: window.form.job is not None, timeout=PATIENCE)
    qtbot.keyClicks(window.form.text, "Off the boat at six.")
    window.form.post_button.click()
    qtbot.waitUntil(lambda: window.model.jobs[0].status is Status.FINISHED, timeout=PATIENCE)
    assert window.model.jobs[0].draft.text == "Off the boat at six."
    qtbot.waitUntil(window.form.open_button.isVisible)
    links.answering = False
    window.form.open_button.click()
    assert "/watch/" in links.opened[-1]

    desks.leave()
    again = desks.start()
    qtbot.waitUntil(lambda: again.window._account.state is AccountState.SIGNED_IN, timeout=PATIENCE)
    assert again.window.model.jobs[0].status is Status.FINISHED
    assert again.window.work.isVisible()


@pytest.mark.slow
def test_days_and_months_have_the_names_of_the_interface_s_language(qapp: QApplication):
    """As after a start of Qt, which takes over the computer's language; only this one is sure to be installed."""
    before = locale.setlocale(locale.LC_TIME)
    locale.setlocale(locale.LC_TIME, "C.UTF-8")
    try:
        assert the_application() is qapp
        assert locale.setlocale(locale.LC_TIME) == "C"
        noon = datetime(2026, 11, 24, 12).astimezone()
        assert amounts.date(noon, noon).startswith("Tue 24 Nov, ")
    finally:
        locale.setlocale(locale.LC_TIME, before)


def test_told_to_use_this_computer_it_does_not_ask(qtbot: QtBot, desks: Desks, links: Links):
    links.answering = False
    desktop = desks.start(local=True)
    qtbot.waitUntil(lambda: bool(links.opened), timeout=PATIENCE)
    assert "/setup/" in links.opened[0]
    assert desktop.session.settings.server == settings.LOCAL


def test_an_address_where_no_server_is_says_so_and_keeps_asking(qtbot: QtBot, desks: Desks):
    desktop = desks.start()
    page = desktop.session._page
    page.server.setText("not an address")
    page.connect_button.click()
    assert page.server_trouble.text() == "This is not an address. It looks like https://films.example."
    page.server.setText("127.0.0.1:9")
    page.connect_button.click()
    qtbot.waitUntil(
        lambda: page.server_trouble.isVisible() and "network" in page.server_trouble.text(), timeout=PATIENCE
    )
    assert settings.load(desks.paths.settings).server is None


def test_another_process_can_show_the_window_but_not_add_before_there_is_a_server(qtbot: QtBot, desks: Desks):
    desktop = desks.start()
    desktop.window.hide()
    said: list[object] = []

    def ask() -> None:
        said.extend(instance.ask(desks.paths, {"do": "show"}))
        try:
            list(instance.ask(desks.paths, {"do": "list"}))
        except Exception as error:  # noqa: BLE001  (whatever it was is looked at)
            said.append(type(error).__name__)

    other = threading.Thread(target=ask)
    other.start()
    qtbot.waitUntil(lambda: len(said) == 2, timeout=PATIENCE)
    other.join()
    assert said == [{"type": "shown"}, "NotNow"]
    qtbot.waitUntil(desktop.window.isVisible, timeout=PATIENCE)


def test_closing_with_uploads_on_their_way_says_once_that_they_continue(qtbot: QtBot, desks: Desks):
    desktop = desks.start()
    desktop.window.take([Changed(uploading())])

    def stay() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        assert dialog.accessibleName() == "Uploads continue when you start Reelferry again"
        dialog.reject()

    QTimer.singleShot(0, stay)
    desktop.window.close()
    assert desktop.window.isVisible()
    assert not settings.load(desks.paths.settings).told_about_closing


RUNNING = """
import gc, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from uploader import settings
from uploader.desktop.app import Desktop
from uploader.engine.instance import Owner
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

paths = Paths.under(Path(sys.argv[1])).make()
settings.save(paths.settings, settings.Settings(server="http://127.0.0.1:9"))
owner = Owner.claim(paths)
desktop = Desktop(paths, owner, MemoryVault())
look = QTimer(interval=5)
look.timeout.connect(lambda: desktop.leave() if gc.get_freeze_count() else None)
look.start()
desktop.run([])
owner.close()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_a_running_program_does_not_look_for_garbage_in_what_it_is_made_of(tmp_path: Path):
    run = [sys.executable, "-c", RUNNING, str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    frozen, watched = map(int, done.stdout.split())
    assert frozen > 5 * watched, done.stderr


def test_the_second_start_hands_its_files_over_and_shows_the_first(qtbot: QtBot, desks: Desks, tmp_path: Path):
    desktop = desks.start()
    desktop.window.hide()
    codes: list[int] = []
    other = threading.Thread(target=lambda: codes.append(hand_over(desks.paths, [])))
    other.start()
    qtbot.waitUntil(lambda: bool(codes), timeout=PATIENCE)
    other.join()
    assert codes == [0]
    qtbot.waitUntil(desktop.window.isVisible, timeout=PATIENCE)
