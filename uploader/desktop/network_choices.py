"""Carries out what a person wants of the network: keeps it, has the engine connect that way, and says how it went."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import QObject

from uploader import errors
from uploader.desktop.bridge import Bridge
from uploader.desktop.network_page import NetworkPage
from uploader.desktop.session import Session, check
from uploader.engine import trust
from uploader.engine.engine import Engine
from uploader.engine.session import Vault
from uploader.engine.way_out import Way, WayOut, safe_name
from uploader.settings import LOCAL

log = logging.getLogger(__name__)


class NetworkChoices(QObject):
    """Stands between the page and the rest."""

    def __init__(self, page: NetworkPage, session: Session, bridge: Bridge[Engine], vault: Vault) -> None:
        super().__init__(page)
        self._page, self._session, self._bridge, self._vault = page, session, bridge, vault
        page.proxy_chosen.connect(self._take_proxy)
        page.certificates_chosen.connect(self._take_certificates)
        page.pause_chosen.connect(self._pause)
        page.test_wanted.connect(self.test)
        page.show_settings(session.settings)

    def test(self) -> None:
        """Ask the server for a sign of life, by the way that is chosen now."""
        server = self._session.settings.server
        if server in {None, LOCAL}:
            self._page.say("Your server is on this computer: nothing goes through a proxy.")
            return
        host, way_out = urlsplit(str(server)).netloc, WayOut(self._way, self._vault)
        self._page.say(f"Asking {host}…")
        self._bridge.run(
            lambda: check(str(server), way_out),
            lambda _: self._page.say(f"{host} answers.", "good"),
            lambda error: self._page.say(_words(error), "bad"),
        )

    @property
    def _way(self) -> Way:
        return Way.of(self._session.settings)

    def _take_proxy(self, choice: str, password: str) -> None:
        async def keep() -> None:
            if password:
                await self._vault.save(safe_name(choice), password)

        def kept() -> None:
            self._session.choose(proxy=choice)
            self._connect()
            self.test()

        self._bridge.run(keep, lambda _: kept(), lambda error: self._page.say(_words(error), "bad"))

    def _take_certificates(self, file: Path | None) -> None:
        async def look() -> None:
            if file is not None:
                await asyncio.to_thread(trust.check, file)

        def taken() -> None:
            self._session.choose(certificates=str(file) if file else None)
            self._connect()

        self._bridge.run(look, lambda _: taken(), lambda error: self._page.say_of_file(_words(error)))

    def _pause(self, on: bool) -> None:
        self._session.choose(pause_when_metered=on)
        self._bridge.do(lambda engine: engine.permission.pause_when_metered(on))

    def _connect(self) -> None:
        way = self._way
        self._page.show_settings(self._session.settings)
        self._bridge.do(lambda engine: engine.connect_by(way))


def _words(error: Exception) -> str:
    if not isinstance(error, errors.ReelferryError):
        log.error("A choice for the network failed", exc_info=error)
        error = errors.Unexpected()
    if error.hint == type(error).hint and isinstance(error, errors.ProxyRefused | errors.ProxyUnreachable):
        return f"{error.title}."  # its hint leads here
    return f"{error.title}. {error.hint}".strip()
