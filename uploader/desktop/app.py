"""The composition root of the window: builds everything, hands it on by argument, and takes it down in order."""

import argparse
import gc
import locale
import logging
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from uploader import __version__, errors, settings
from uploader import log as logs
from uploader.desktop.bridge import Bridge
from uploader.desktop.closing import ClosingNotice
from uploader.desktop.connection import Connection
from uploader.desktop.first_run import FirstRun
from uploader.desktop.general_page import GeneralPage
from uploader.desktop.main_window import MainWindow
from uploader.desktop.network_choices import NetworkChoices
from uploader.desktop.network_page import NetworkPage
from uploader.desktop.pending_choices import PendingChoices
from uploader.desktop.preferences import Preferences
from uploader.desktop.resources import resource
from uploader.desktop.session import Session
from uploader.desktop.signals import Signals
from uploader.desktop.theme import Theme
from uploader.desktop.uploads_page import UploadsPage
from uploader.engine import instance
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.session import Vault
from uploader.keychain import KeyringVault
from uploader.paths import APP, Paths

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window, or hand the files to the one that is open. Returns the exit code."""
    words = argparse.ArgumentParser(prog="reelferry window")
    words.add_argument("files", nargs="*", type=Path, help="videos, or folders with videos in them")
    words.add_argument("--local", action="store_true", help="where no server was chosen yet: this computer")
    given = words.parse_args(argv)
    files = [path.absolute() for path in given.files]
    paths = Paths.of_user().make()
    logs.set_up(paths.logs)
    try:
        owner = instance.Owner.claim(paths)
    except errors.QueueInUse:
        return hand_over(paths, files)
    try:
        return Desktop(paths, owner, KeyringVault()).run(files, local=given.local)
    finally:
        owner.close()


class Desktop:
    """The running program. Tests build one over a folder of their own."""

    def __init__(self, paths: Paths, owner: instance.Owner, vault: Vault) -> None:
        self.application = the_application()
        self._owner = owner
        self._leaving = False
        chosen = settings.load(paths.settings)
        self.theme = Theme(self.application, chosen.appearance)
        self.bridge: Bridge[Engine] = Bridge()
        self.window = MainWindow(
            self.theme,
            lambda command, then=None, otherwise=None: self.bridge.do(
                lambda engine: command(engine.queue), then, otherwise
            ),
            chosen.last_community,
        )
        self.preferences = Preferences(self.window)
        self.general = GeneralPage(self.theme)
        self.preferences.add("General", self.general)
        self.uploads = UploadsPage(self.theme)
        self.preferences.add("Uploads", self.uploads)
        self.network = NetworkPage(self.theme)
        self.preferences.add("Network", self.network)
        self.connection = Connection(self.window)
        self.session = Session(
            self.bridge,
            self.window,
            FirstRun(self.theme),
            paths,
            vault=vault,
            chosen=chosen,
            here=lambda: self.connection.here,
        )
        self.pending = PendingChoices(self.window, self.theme, self.bridge)
        NetworkChoices(self.network, self.session, self.bridge, vault)
        self._connect()

    def run(self, files: Sequence[Path], *, local: bool = False) -> int:
        """Show the window and live until it is closed.

        What there is once the engine is open stays, so the garbage collector looks at it no more: a full collection
        over all of it would stop the window for 75 ms, in the middle of an upload.
        """
        self.start(files, local=local)
        self.bridge.do(lambda _: None, lambda _: gc.freeze())
        signals = Signals(self.leave, self.application)
        code = self.application.exec()
        signals.close()
        self.end()
        return code

    def start(self, files: Sequence[Path] = (), *, local: bool = False) -> None:
        """Start the engine's thread and show the window; `files` are added as soon as there is an engine.

        With `local`, a first run does not ask for a server: it is this computer.
        """
        self.bridge.start()
        self._owner.serve(self.bridge.loop, self._answer)
        self.window.add(files)
        self.session.start(local=local)
        self.window.show()

    def end(self) -> None:
        """Join every thread: after this nothing of Python runs beside Qt."""
        self.window.stop()
        self.bridge.stop()

    def quit(self) -> None:
        """Close the window, having said what happens to what is still on its way."""
        told, unfinished = self.session.settings.told_about_closing, self.window.model.tally.unfinished
        if unfinished and not told:
            if not ClosingNotice(unfinished, self.window).exec():
                return
            self.session.choose(told_about_closing=True)
        self.leave()

    def leave(self) -> None:
        """Go without a word: everything on its way is kept."""
        if not self._leaving:
            self._leaving = True
            self.window.settle()
            self.window.hide()
            self.session.stop(self.application.quit)

    def _connect(self) -> None:
        window, header = self.window, self.window.header
        window.quit_wanted.connect(self.quit)
        window.community_chosen.connect(lambda community: self.session.choose(last_community=community))
        window.preferences_wanted.connect(self.preferences.show_page)
        for shows_appearance in (header, self.general):
            shows_appearance.appearance_chosen.connect(self._wear)
            shows_appearance.show_appearance(self.theme.appearance)
        self.connection.moved.connect(lambda: self.bridge.do(lambda engine: engine.network_changed()))
        self.connection.found.connect(lambda here: self.bridge.do(lambda engine: engine.permission.look(here)))
        window.deeds.anyway_wanted.connect(self.session.upload_anyway)
        for chooses_limit in (window.work.limit, self.uploads):
            chooses_limit.chosen.connect(self._allow)
        window.work.limit.full_speed_wanted.connect(self._hurry)
        window.limited.connect(self.uploads.show_uplink)
        self.uploads.show_uplink(self.session.settings.uplink)

    def _wear(self, appearance: str) -> None:
        self.theme.choose(appearance)
        self.session.choose(appearance=appearance)
        for shows_appearance in (self.window.header, self.general):
            shows_appearance.show_appearance(appearance)

    def _allow(self, changes: Mapping[str, Any]) -> None:
        self.bridge.do(lambda engine: engine.allowance.choose(**changes))

    def _hurry(self, on: bool) -> None:
        self.bridge.do(lambda engine: engine.allowance.full_speed(on))

    async def _answer(self, command: instance.Message) -> AsyncGenerator[instance.Message, None]:
        """What another process wants, on the engine's thread."""
        engine = self.bridge.engine
        if engine is not None:
            commands = Commands(engine, show=lambda: self.bridge.answer(self._raise))
            async with aclosing(commands.answer(command)) as replies:
                async for reply in replies:
                    yield reply
        elif command.get("do") == "show":
            self.bridge.answer(self._raise)
            yield {"type": "shown"}
        else:
            raise errors.NotNow("no server yet", hint="Choose a server in its window first.")

    def _raise(self) -> None:
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()


def the_application() -> QApplication:
    """Qt's one application object, named."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(sys.argv[:1])
    locale.setlocale(locale.LC_TIME, "C")  # Qt takes the computer's language; days are to have the interface's names
    application.setApplicationName(APP)
    application.setApplicationDisplayName(APP)
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("reelferry")
    application.setQuitOnLastWindowClosed(False)
    application.setWindowIcon(QIcon(str(resource("reelferry.svg"))))
    return application


def hand_over(paths: Paths, files: Sequence[Path]) -> int:
    """Another Reelferry owns the queue: give it the files, and have it show its window."""
    try:
        if files:
            list(instance.ask(paths, {"do": "add", "paths": [str(path) for path in files]}))
        list(instance.ask(paths, {"do": "show"}))
    except errors.ReelferryError as error:
        application = the_application()
        Theme(application)
        QMessageBox.information(None, APP, f"{error.title}. {error.hint}".strip())  # there is no window to say it in
        return 1
    return 0
