"""A window on made-up jobs, and what it asked the queue to do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from pytestqt.wait_signal import SignalBlocker

from tests.desktop.desks import PATIENCE, Desks, Links
from tests.desktop.jobs import NOW
from tests.desktop.pretend import Wishes
from uploader.desktop.main_window import MainWindow
from uploader.desktop.theme import Theme

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the offscreen platform cannot do it says aloud; that is not about us."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


class PatientBot(QtBot):
    """Waits as long as a busy machine may need."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE) -> None:  # noqa: N802  (its name)
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE, **options: Any) -> SignalBlocker:  # noqa: ANN401, N802
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "light")


@pytest.fixture
def wishes() -> Wishes:
    return Wishes()


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, wishes: Wishes) -> Iterator[MainWindow]:
    made = MainWindow(theme, wishes)
    made.model.clock = lambda: NOW
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.stop()
    shiboken6.delete(made)


@pytest.fixture
def links(qapp: QApplication) -> Iterator[Links]:
    made = Links()
    yield made
    made.close()


@pytest.fixture
def desks(qtbot: QtBot, tmp_path: Path) -> Iterator[Desks]:
    made = Desks(qtbot, tmp_path / "reelferry")
    yield made
    made.leave()
