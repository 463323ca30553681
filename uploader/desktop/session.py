"""Which server, and who is signed in to it: from the first start to the next sign-out."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from uploader import errors, settings
from uploader.desktop.bridge import Bridge, Doing, Emit
from uploader.desktop.first_run import FirstRun
from uploader.desktop.main_window import MainWindow
from uploader.desktop.signing_out import SignOutEverywhere
from uploader.engine import inhibitors
from uploader.engine.client import Client
from uploader.engine.engine import Engine
from uploader.engine.facts import Account, AccountState, Fact, Limited, Network
from uploader.engine.http import api_client
from uploader.engine.job import Trouble
from uploader.engine.session import MemoryVault, Vault
from uploader.engine.session import Session as Credentials
from uploader.engine.surroundings import Surroundings
from uploader.engine.way_out import Way, WayOut
from uploader.local_server import LocalServer
from uploader.paths import Paths
from uploader.settings import Settings

log = logging.getLogger(__name__)

THIS_COMPUTER = "this computer"


class Session(QObject):
    """Leads from the settings to an open engine, and puts up the page or banner that the account's state asks for."""

    def __init__(
        self,
        bridge: Bridge[Engine],
        window: MainWindow,
        page: FirstRun,
        paths: Paths,
        *,
        vault: Vault,
        chosen: Settings,
        here: Callable[[], Surroundings],
    ) -> None:
        super().__init__(window)
        self._bridge, self._window, self._page = bridge, window, page
        self._paths, self._vault = paths, vault
        self._here = here
        self.settings = chosen
        self._local = LocalServer()
        self._signing_in: Doing | None = None
        self._account, self._network = Account(), Network(online=True, rate=0)
        self._limited: Limited | None = None
        self._notes: list[Trouble] = []
        self._read: Trouble | None = None
        self._straight_on = False
        self._connect()

    def start(self, *, local: bool = False) -> None:
        """Go where the settings say; the first time, ask, or with `local` use this computer."""
        self._window.header.show_server(self.server_words)
        if self.settings.server is None and local:
            self._local_chosen()
        elif self.settings.server is None:
            self._ask_server()
        elif self.settings.server == settings.LOCAL:
            self._use_local()
        else:
            self._open(self.settings.server)

    def stop(self, then: Callable[[], object]) -> None:
        """Close the engine and the server on this computer, then call `then`."""

        async def stopping() -> None:
            await self._bridge.closed()
            await self._local.stop()

        self._bridge.run(stopping, lambda _: then(), lambda _: then())

    def choose(self, **changes: Any) -> None:  # noqa: ANN401  (fields of Settings, each of its own type)
        """Change settings, and keep them."""
        self.settings = settings.change(self._paths.settings, **changes)

    @property
    def server_words(self) -> str:
        """How the server is called here."""
        server = self.settings.server
        return THIS_COMPUTER if server in {None, settings.LOCAL} else urlsplit(str(server)).netloc

    def sign_in(self) -> None:
        """Open the server's page in the browser, and wait for what comes back."""
        self._cancel_sign_in()
        self._straight_on = False
        self._signing_in = self._bridge.do(
            lambda engine: engine.account.sign_in(self._open_page), lambda _: self._signed_in(), self._not_signed_in
        )

    def upload_anyway(self) -> None:
        """On this network too: somebody said so."""
        self._bridge.do(lambda engine: engine.permission.upload_anyway())

    def _connect(self) -> None:
        page, header = self._page, self._window.header
        page.local_chosen.connect(self._local_chosen)
        page.server_chosen.connect(self._use)
        page.sign_in_wanted.connect(self.sign_in)
        page.cancelled.connect(self._go_back)
        page.page_wanted.connect(browse)
        page.other_server_wanted.connect(self._ask_server)
        page.network_wanted.connect(self._window.show_network_preferences)
        header.sign_in_wanted.connect(self.sign_in)
        header.sign_out_wanted.connect(lambda: self._bridge.do(lambda engine: engine.account.sign_out()))
        header.sign_out_everywhere_wanted.connect(self._ask_everywhere)
        header.server_wanted.connect(self._ask_server)
        self._bridge.happened.connect(self._take)

    def _ask_server(self, trouble: str = "") -> None:
        self._cancel_sign_in()
        self._straight_on = False
        self._page.ask_server(trouble, way_back=self.settings.server is not None)
        self._window.show_page(self._page)

    def _go_back(self) -> None:
        """Away from a question nobody wants to answer now."""
        if self._signing_in:
            self._cancel_sign_in()
            self._show_account()
        else:
            self.start()

    def _local_chosen(self) -> None:
        self._straight_on = True
        self._use_local()

    def _use_local(self) -> None:
        self._page.be_busy("Starting the server on this computer.")
        self._window.show_page(self._page)

        async def started() -> str:
            return (self._local.started or await self._local.start(self._paths)).url

        self._bridge.run(started, lambda url: self._open(url, settings.LOCAL), self._no_server)

    def _use(self, server: str) -> None:
        """A server somebody typed: open it only if there is one."""
        self._straight_on = True
        self._page.be_busy(f"Asking {urlsplit(server).netloc}.")
        way_out = WayOut(Way.of(self.settings), self._vault)
        self._bridge.run(lambda: check(server, way_out), lambda _: self._open(server, server), self._no_server)

    def _open(self, url: str, keep: str | None = None) -> None:
        here = self._here()

        def make(emit: Emit) -> AbstractAsyncContextManager[Engine]:
            chosen = settings.load(self._paths.settings)
            return Engine.open(
                paths=self._paths,
                server=url,
                vault=self._vault,
                emit=emit,
                uplink=chosen.uplink,
                keep=lambda uplink: settings.keep_uplink(self._paths.settings, uplink),
                way=Way.of(chosen),
                here=here,
                pause_when_metered=chosen.pause_when_metered,
                inhibitor=inhibitors.of_this_system(),
            )

        def opened(engine: Engine) -> None:
            self._notes = list(engine.notes)
            if keep is not None and keep != self.settings.server:
                self.choose(server=keep)
            self._window.header.show_server(self.server_words)
            if self._account.state is AccountState.UNKNOWN and not self._straight_on:
                self._window.show_page(self._window.work)

        self._account = Account()
        self._window.forget()
        self._bridge.open(make, opened, self._no_server)

    def _no_server(self, error: Exception) -> None:
        if not isinstance(error, errors.ReelferryError):
            log.error("The server could not be opened", exc_info=error)
            error = errors.Unexpected()
        self._ask_server(f"{error.title}. {error.hint}")

    def _open_page(self, url: str) -> None:
        """On the engine's thread: the page to sign in at. A server without accounts makes the first one on the way."""
        started = self._local.started
        page = started.way_in(url) if started and self.settings.server == settings.LOCAL else url
        self._bridge.answer(lambda: self._wait_for_browser(page))

    def _wait_for_browser(self, page: str) -> None:
        self._page.wait_for_browser(page)
        self._window.show_page(self._page)
        browse(page)

    def _signed_in(self) -> None:
        self._signing_in = None
        self._show_account()

    def _not_signed_in(self, error: Exception) -> None:
        self._signing_in = None
        if not isinstance(error, errors.ReelferryError):
            log.error("Signing in failed", exc_info=error)
            error = errors.SignInFailed()
        self._ask_sign_in(f"{error.title}. {error.hint}")

    def _cancel_sign_in(self) -> None:
        if self._signing_in:
            self._signing_in.cancel()
            self._signing_in = None

    def _ask_sign_in(self, trouble: str = "") -> None:
        started = self._local.started if self.settings.server == settings.LOCAL else None
        first = started is not None and started.setup_url is not None
        self._page.ask_sign_in(self.server_words, trouble, first_account=first)
        self._window.show_page(self._page)

    def _ask_everywhere(self) -> None:
        question = SignOutEverywhere(self._window)
        question.accepted.connect(
            lambda: self._bridge.do(lambda engine: engine.account.sign_out_everywhere(), otherwise=self._not_signed_out)
        )
        question.open()

    def _not_signed_out(self, error: Exception) -> None:
        if not isinstance(error, errors.ReelferryError):
            log.error("Signing out everywhere failed", exc_info=error)
            error = errors.NotSignedOut()
        self._notes.insert(0, Trouble(error.code, error.title, error.hint))
        self._show_banner()

    def _take(self, facts: tuple[Fact, ...]) -> None:
        self._window.take(facts)
        for fact in facts:
            match fact:
                case Account():
                    self._account = fact
                    if self._signing_in is None or fact.state is AccountState.SIGNED_IN:
                        self._show_account()
                case Network():
                    self._network = fact
                    self._show_banner()
                case Limited():
                    self._limited = fact
                    self._show_banner()
                case _:
                    pass
        if self._network.held or (self._limited and self._limited.held):
            self._show_banner()  # it is said only while something waits for it

    def _show_account(self) -> None:
        if self._account.state is AccountState.SIGNED_OUT:
            if self._straight_on:
                self.sign_in()
            else:
                self._ask_sign_in()
        elif self._account.state is not AccountState.UNKNOWN or self._account.trouble:
            self._straight_on = False
            self._window.show_page(self._window.work)
            self._show_banner()

    def _show_banner(self) -> None:
        """What holds everything up, the worst first."""
        banner, trouble = self._window.work.banner, self._account.trouble
        held = self._network.held if self._window.model.tally.unfinished else None
        match self._account.state:
            case AccountState.SIGN_IN_NEEDED:
                banner.say(errors.SignInNeeded.title, errors.SignInNeeded.hint, "Sign in", self.sign_in)
            case AccountState.KEYRING_LOCKED:
                banner.say(errors.KeyringLocked.title, errors.KeyringLocked.hint, "Try again", self._refresh)
            case AccountState.KEYRING_ABSENT if self._account.me is None:
                banner.say(errors.KeyringAbsent.title, errors.KeyringAbsent.hint, "Sign in", self.sign_in)
            case _ if held and held.code == errors.CaptivePortal.code:
                banner.say(held.title, held.hint, "Upload anyway", self.upload_anyway)
            case _ if trouble and trouble.code == errors.ProxyRefused.code:
                banner.say(trouble.title, trouble.hint, "Network preferences", self._window.show_network_preferences)
            case _ if trouble and trouble != self._read:
                kept = trouble.code in {errors.KeyringLocked.code, errors.KeyringAbsent.code}
                banner.say(
                    trouble.title, trouble.hint, *(("OK", self._dismiss) if kept else ("Try again", self._refresh))
                )
            case _ if not self._network.online:
                banner.say("You are offline", errors.Offline.hint, "Try again", self._refresh)
            case _:
                self._show_pause(held)

    def _show_pause(self, held: Trouble | None) -> None:
        """What uploads alone wait for, or else a note."""
        banner = self._window.work.banner
        if held:
            banner.say(held.title, held.hint, "Upload anyway", self.upload_anyway)
        elif self._limited and self._limited.held and self._window.model.tally.unfinished:
            banner.say(self._limited.held.title, self._limited.held.hint, "Full speed for an hour", self._hurry)
        elif self._notes:
            banner.say(self._notes[0].title, self._notes[0].hint, "OK", self._next_note)
        else:
            banner.hide()

    def _dismiss(self) -> None:
        self._read = self._account.trouble
        self._show_banner()

    def _hurry(self) -> None:
        self._bridge.do(lambda engine: engine.allowance.full_speed(True))

    def _next_note(self) -> None:
        self._notes.pop(0)
        self._show_banner()

    def _refresh(self) -> None:
        self._bridge.do(lambda engine: engine.account.refresh())
        self._bridge.do(lambda engine: engine.queue.retry_now())


async def check(server: str, way_out: WayOut) -> None:
    """Raise from `uploader.errors` if there is no server of ours at this address."""
    async with api_client(server, way_out) as http:
        await Client(http, Credentials(server, MemoryVault(), http)).config()


def browse(page: str) -> None:
    """Open a page in the system's browser."""
    QDesktopServices.openUrl(QUrl(page))
