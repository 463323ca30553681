"""A window on made-up jobs, and what it asked the queue to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desktop.desks import PATIENCE, Desks, Links
from tests.desktop.jobs import NOW
from tests.desktop.patient_bot import PatientBot
from tests.desktop.pretend import Wishes
from uploader.desktop.main_window import MainWindow
from uploader.desktop.theme import Theme

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the offscreen platform cannot do it says aloud; that is not about us."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> PatientBot:
    return PatientBot(request)


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "light")


@pytest.fixture
def wishes() -> Wishes:
    return Wishes()


@pytest.fixture
def window(qtbot: PatientBot, theme: Theme, wishes: Wishes) -> Iterator[MainWindow]:
    made = MainWindow(theme, wishes)
    made.model.clock = lambda: NOW
    qtbot.show(made)
    yield made
    made.stop()
    shiboken6.delete(made)


@pytest.fixture
def links(qapp: QApplication) -> Iterator[Links]:
    made = Links()
    yield made
    made.close()


@pytest.fixture
def desks(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    monkeypatch.setattr("uploader.local_server.STOP_PATIENCE", PATIENCE / 1000)  # on a busy machine, it ends late
    made = Desks(qtbot, tmp_path / "reelferry")
    yield made
    made.leave()
