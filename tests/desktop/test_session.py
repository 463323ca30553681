"""Which page and which banner every state of the account brings."""

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desktop.desks import PATIENCE, Desks
from tests.desktop.jobs import a_job
from uploader import errors, settings
from uploader.desktop.app import Desktop
from uploader.desktop.first_run import address
from uploader.desktop.signing_out import SignOutEverywhere
from uploader.engine.facts import Account, AccountState, Changed, Network
from uploader.engine.job import Status, Trouble
from uploader.settings import Settings
from uploader.wire import SIGN_OUT_EVERYWHERE, Me, ServerConfig

ADA = Me(id="1", username="ada", name="Ada")


@pytest.fixture
def desktop(desks: Desks) -> Desktop:
    """One whose first run is over, with a server that nobody can reach."""
    settings.save(desks.paths.settings, Settings(server="http://127.0.0.1:9"))
    return desks.start()


def trouble(error: type[errors.ReelferryError]) -> Trouble:
    return Trouble(error.code, error.title, error.hint)


@pytest.mark.parametrize(
    ("account", "title", "button"),
    [
        (Account(AccountState.SIGN_IN_NEEDED, ADA), "Sign in to continue", "Sign in"),
        (Account(AccountState.KEYRING_LOCKED), "Your password safe is locked", "Try again"),
        (Account(AccountState.KEYRING_ABSENT), "There is no password safe on this computer", "Sign in"),
        (
            Account(AccountState.SIGNED_IN, ADA, trouble=trouble(errors.CaptivePortal)),
            "This network wants you to sign in to it",
            "Try again",
        ),
        (
            Account(AccountState.SIGNED_IN, ADA, trouble=trouble(errors.KeyringAbsent)),
            "There is no password safe on this computer",
            "OK",
        ),
    ],
)
def test_what_holds_everything_up_is_said_once_and_not_in_the_way(
    desktop: Desktop, account: Account, title: str, button: str
):
    desktop.session._take((account,))
    work = desktop.window.work
    assert work.isVisible()
    assert work.banner.isVisible()
    assert (work.banner.title.text(), work.banner.button.text()) == (title, button)


def test_read_is_read(desktop: Desktop):
    account = Account(AccountState.SIGNED_IN, ADA, trouble=trouble(errors.KeyringAbsent))
    desktop.session._take((account, Network(online=True, rate=0)))
    desktop.window.work.banner.button.click()
    assert desktop.window.work.banner.isHidden()
    desktop.session._take((account,))
    assert desktop.window.work.banner.isHidden()


def test_offline_is_said_and_taken_back(desktop: Desktop):
    signed_in = Account(AccountState.SIGNED_IN, ADA)
    desktop.session._take((signed_in, Network(online=False, rate=0)))
    assert desktop.window.work.banner.title.text() == "You are offline"
    desktop.session._take((Network(online=True, rate=0),))
    assert desktop.window.work.banner.isHidden()


def test_a_network_that_costs_money_is_said_while_there_is_something_to_send(desktop: Desktop):
    banner, why = desktop.window.work.banner, trouble(errors.Metered)
    desktop.session._take((Account(AccountState.SIGNED_IN, ADA), Network(online=True, rate=0, held=why)))
    assert banner.isHidden()
    assert desktop.window.header.line.text() == "Online · uploads paused"
    desktop.session._take((Changed(a_job(1, status=Status.WAITING, trouble=why)),))
    assert (banner.title.text(), banner.button.text()) == (errors.Metered.title, "Upload anyway")
    desktop.session._take((Network(online=True, rate=0),))
    assert banner.isHidden()


def test_a_proxy_that_refuses_leads_to_the_network_preferences(desktop: Desktop):
    desktop.session._take((Account(AccountState.SIGNED_IN, ADA, trouble=trouble(errors.ProxyRefused)),))
    banner = desktop.window.work.banner
    assert (banner.title.text(), banner.button.text()) == (errors.ProxyRefused.title, "Network preferences")
    banner.button.click()
    preferences = desktop.preferences
    assert preferences.isVisible()
    assert preferences.tabs.tabText(preferences.tabs.currentIndex()) == "Network"


def test_signed_out_asks_to_sign_in_to_the_server_by_name(desktop: Desktop):
    desktop.session._take((Account(AccountState.SIGNED_OUT),))
    page = desktop.session._page
    assert page.isVisible()
    assert page.sign_in_title.text() == "Sign in"
    assert page.sign_in_words.text().startswith("A page of 127.0.0.1:9 opens in your browser.")


def test_another_server_can_be_looked_for_and_the_old_one_kept(desktop: Desktop):
    desktop.window.header.server_wanted.emit()
    page = desktop.session._page
    assert page.isVisible()
    page.keep_button.click()
    assert desktop.session.settings.server == "http://127.0.0.1:9"


def test_signing_out_everywhere_is_offered_where_the_server_can(desktop: Desktop):
    header = desktop.window.header
    config = ServerConfig(version="1", max_bytes=1, max_duration_seconds=1, accepted_types=(), protocols=())
    for capabilities, offered in (((), False), ((SIGN_OUT_EVERYWHERE,), True)):
        can = config.model_copy(update={"capabilities": capabilities})
        desktop.session._take((Account(AccountState.SIGNED_IN, ADA, config=can),))
        entries = {action.text() for action in header.account_menu.actions() if action.isVisible()}
        assert ("Sign out everywhere…" in entries) is offered


def test_signing_out_everywhere_is_asked_first_and_says_when_it_failed(desktop: Desktop, qtbot: QtBot):
    qtbot.waitUntil(lambda: not desktop.session._network.online, timeout=PATIENCE)  # its own facts come first
    desktop.session._take((Account(AccountState.SIGNED_IN, ADA), Network(online=True, rate=0)))
    for answer in ("stay_button", "go_button"):
        desktop.window.header.sign_out_everywhere_wanted.emit()
        question = QApplication.activeModalWidget()
        assert isinstance(question, SignOutEverywhere)
        assert question.stay_button.isDefault()
        getattr(question, answer).click()
    banner = desktop.window.work.banner
    qtbot.waitUntil(lambda: banner.title.text() == errors.SignInNeeded.title, timeout=PATIENCE)


def test_an_appearance_is_kept(desktop: Desktop, desks: Desks):
    desktop.window.header.appearance_chosen.emit("dark")
    assert settings.load(desks.paths.settings).appearance == "dark"
    desktop.window.header.appearance_chosen.emit("light")


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("films.example", "https://films.example"),
        (" https://films.example/ ", "https://films.example"),
        ("http://films.example:8080", "http://films.example:8080"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("films.example/club", "https://films.example/club"),
        ("", None),
        ("two words", None),
        ("ftp://films.example", None),
        ("https://", None),
        ("films.example:99999999", None),
        ("films.example/?q=1", None),
    ],
)
def test_an_address_is_taken_as_people_type_it(typed: str, whole: str | None):
    assert address(typed) == whole
