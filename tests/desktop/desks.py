"""The whole program in one process, and the browser of whoever sits before it."""

import threading
from pathlib import Path

import shiboken6
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from tests.browser import Browser
from uploader.desktop.app import Desktop
from uploader.engine import instance
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

PATIENCE = 60_000


class Links(QObject):
    """What the system's browser is asked to open, and a person who answers its pages."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.person = Browser()
        self.answering = True
        self._answers: list[threading.Thread] = []
        for scheme in ("http", "https"):
            QDesktopServices.setUrlHandler(scheme, self, "follow")  # type: ignore[arg-type]  # the stub wants bytes, the call text

    @Slot(QUrl)
    def follow(self, url: QUrl) -> None:
        self.opened.append(url.toString())
        if self.answering:
            answer = threading.Thread(target=self.person.open, args=(self.opened[-1],))
            answer.start()
            self._answers.append(answer)

    def close(self) -> None:
        for scheme in ("http", "https"):
            QDesktopServices.unsetUrlHandler(scheme)
        for answer in self._answers:
            answer.join()
        self.person.close()


class Desks:
    """Starts the program over one folder, as often as a test likes."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self._qtbot = qtbot
        self.paths = Paths.under(folder).make()
        self.vault = MemoryVault()
        self._running: list[tuple[Desktop, instance.Owner]] = []

    def start(self, *files: Path, local: bool = False) -> Desktop:
        owner = instance.Owner.claim(self.paths)
        desktop = Desktop(self.paths, owner, self.vault)
        self._running.append((desktop, owner))
        desktop.start(files, local=local)
        return desktop

    def leave(self) -> None:
        while self._running:
            desktop, owner = self._running.pop()
            with self._qtbot.waitCallback(timeout=PATIENCE) as gone:
                desktop.session.stop(gone)
            desktop.end()
            owner.close()
            shiboken6.delete(desktop.window)
