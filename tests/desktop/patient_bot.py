"""The bot that operates our windows: it waits as long as a busy machine may need."""

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from pytestqt.wait_signal import CallbackBlocker, SignalBlocker

from tests.desktop.desks import PATIENCE


class PatientBot(QtBot):
    """pytest-qt's own waits five seconds."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE) -> None:  # noqa: N802  (its name)
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE, **options: Any) -> SignalBlocker:  # noqa: ANN401, N802
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitCallback(self, *, timeout: int = PATIENCE, raising: bool | None = None) -> CallbackBlocker:  # noqa: N802
        return super().waitCallback(timeout=timeout, raising=raising)

    def show(self, window: QWidget) -> None:
        """Show a window, and wait until it is on the screen and in front."""
        with self.waitExposed(window, timeout=PATIENCE):
            window.show()
        with self.waitActive(window, timeout=PATIENCE):
            window.activateWindow()
