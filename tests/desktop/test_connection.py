"""What Qt hears from the system about the network, and what the window makes of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from starlette.responses import HTMLResponse

from tests.buses import FULL, NO, PORTAL, YES, NetworkManager, bus
from tests.desktop.desks import PATIENCE, Desks
from tests.engine.served import served
from tests.media import clips
from uploader import settings
from uploader.desktop.app import Desktop
from uploader.desktop.describe import Action, describe, primary
from uploader.engine.surroundings import Surroundings
from uploader.errors import CaptivePortal, Metered, Offline
from uploader.settings import Settings

ROOT = Path(__file__).parent.parent.parent
HOTSPOT = Surroundings(metered=True, name="hotspot")

LISTENER = """
from PySide6.QtCore import QCoreApplication
from uploader.desktop.connection import Connection

application = QCoreApplication([])
connection = Connection()
say = lambda here: print(here.metered, here.captive, flush=True)
connection.found.connect(say)
say(connection.here)
application.exec()
"""


def test_qt_hears_from_network_manager_that_a_network_is_metered_or_wants_a_sign_in(tmp_path: Path):
    with bus(tmp_path) as address, NetworkManager(address) as manager:
        environ = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": address}
        with subprocess.Popen(
            [sys.executable, "-c", LISTENER], env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as listener:
            assert listener.stdout
            try:
                assert listener.stdout.readline() == "False False\n"
                manager.say(metered=YES)
                assert listener.stdout.readline() == "True False\n"
                manager.say(connectivity=PORTAL)
                assert listener.stdout.readline() == "True True\n"
                manager.say(metered=NO)
                assert listener.stdout.readline() == "False True\n"
                manager.say(connectivity=FULL)
                assert listener.stdout.readline() == "False False\n"
            finally:
                listener.kill()


NOWHERE = "http://127.0.0.1:9"
"""A server nobody can reach: a job that moves is offline, one that is held is not."""


@pytest.fixture
def desktop(desks: Desks) -> Desktop:
    return at_work(desks, Settings(server=NOWHERE))


def at_work(desks: Desks, chosen: Settings) -> Desktop:
    """A window with somebody signed in."""
    settings.save(desks.paths.settings, chosen)
    desks.vault.tokens[str(chosen.server)] = "a refresh token"
    return desks.start()


def code(desktop: Desktop) -> str | None:
    jobs = desktop.window.model.jobs
    return jobs[0].trouble.code if jobs and jobs[0].trouble else None


def test_on_a_metered_network_the_row_says_so_and_goes_on_when_told_to(desktop: Desktop, qtbot: QtBot, tmp_path: Path):
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    desktop.connection.found.emit(HOTSPOT)
    desktop.window.add([clip])
    qtbot.waitUntil(lambda: code(desktop) == Metered.code, timeout=PATIENCE)
    (job,) = desktop.window.model.jobs
    row = describe(job, job.added_at)
    assert (row.words, row.hint, row.primary) == (Metered.title, Metered.hint, Action.ANYWAY)
    desktop.window.deeds.perform(Action.ANYWAY, [job])
    qtbot.waitUntil(lambda: code(desktop) == Offline.code, timeout=PATIENCE)
    desktop.connection.found.emit(Surroundings(metered=True, name="the next hotspot"))
    qtbot.waitUntil(lambda: code(desktop) == Metered.code, timeout=PATIENCE)
    desktop.connection.found.emit(Surroundings(captive=True, name="a hotel"))
    qtbot.waitUntil(lambda: code(desktop) == CaptivePortal.code, timeout=PATIENCE)
    desktop.connection.found.emit(Surroundings(name="home"))
    qtbot.waitUntil(lambda: code(desktop) == Offline.code, timeout=PATIENCE)


def test_a_sign_in_page_in_the_servers_place_pauses_uploads_until_told_to_try_all_the_same(
    desks: Desks, qtbot: QtBot, tmp_path: Path
):
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    with served(HTMLResponse("<h1>Welcome to our hotel</h1>")) as port:
        desktop = at_work(desks, Settings(server=f"http://127.0.0.1:{port}"))
        desktop.window.add([clip])
        banner = desktop.window.work.banner
        qtbot.waitUntil(
            lambda: code(desktop) == CaptivePortal.code and banner.button.text() == "Upload anyway", timeout=PATIENCE
        )
        assert (banner.title.text(), banner.hint.text()) == (CaptivePortal.title, CaptivePortal.hint)
        (job,) = desktop.window.model.jobs
        assert describe(job, job.added_at).primary is Action.ANYWAY
        banner.button.click()
        qtbot.waitUntil(lambda: primary(desktop.window.model.jobs[0]) is Action.RETRY, timeout=PATIENCE)
        assert code(desktop) == CaptivePortal.code


def test_a_person_who_pays_nothing_is_not_asked(desks: Desks, qtbot: QtBot, tmp_path: Path):
    desktop = at_work(desks, Settings(server=NOWHERE, pause_when_metered=False))
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    desktop.connection.found.emit(HOTSPOT)
    desktop.window.add([clip])
    qtbot.waitUntil(lambda: code(desktop) == Offline.code, timeout=PATIENCE)
