"""The network's preferences: chosen, kept, tried at once; a password goes into the safe and nowhere else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.desktop.desks import PATIENCE, Desks
from tests.engine.certificates import certificates
from tests.engine.served import served
from tests.engine.upload_host import UploadHost
from tests.proxies import ELSEWHERE, PASSWORD, USER, ForeignProxy
from uploader import settings
from uploader.desktop.app import Desktop
from uploader.desktop.network_page import NetworkPage
from uploader.desktop.theme import Theme
from uploader.engine.surroundings import Surroundings
from uploader.engine.way_out import safe_name
from uploader.errors import Metered, ProxyRefused, ProxyUnreachable
from uploader.settings import Settings


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody who is not our server, at an address that is not this computer's."""
    with served(UploadHost(1)) as found:
        yield found


@pytest.fixture
def desktop(desks: Desks, port: int) -> Desktop:
    settings.save(desks.paths.settings, Settings(server=f"http://{ELSEWHERE}:{port}"))
    started = desks.start()
    started.preferences.show_page("Network")
    return started


def type_in(qtbot: QtBot, desktop: Desktop, foreign: ForeignProxy, password: str) -> None:
    page = desktop.network
    page.kind.setCurrentIndex(page.kind.findData(foreign.kind))
    page.kind.activated.emit(page.kind.currentIndex())
    for field, text in ((page.host, "127.0.0.1"), (page.port, str(foreign.port)), (page.user, USER)):
        field.setText(text)
    page.password.setText(password)
    qtbot.keyClick(page.password, Qt.Key.Key_Return)


def says(desktop: Desktop, words: str) -> Callable[[], bool]:
    return lambda: desktop.network.outcome.text().startswith(words)


def test_a_proxy_by_hand_is_kept_and_tried_at_once(qtbot: QtBot, desktop: Desktop, desks: Desks, tmp_path: Path):
    page = desktop.network
    with ForeignProxy("http", tmp_path) as foreign:
        type_in(qtbot, desktop, foreign, "a guess")
        qtbot.waitUntil(says(desktop, ProxyRefused.title), timeout=PATIENCE)
        type_in(qtbot, desktop, foreign, PASSWORD)
        qtbot.waitUntil(says(desktop, "There is no Reelferry server"), timeout=PATIENCE)
        assert settings.load(desks.paths.settings).proxy == foreign.address
        assert desks.vault.tokens[safe_name(foreign.address)] == PASSWORD
        assert PASSWORD not in desks.paths.settings.read_text()
        assert (page.password.text(), page.password.placeholderText()) == ("", "Kept in your password safe")
        foreign.kill()
        page.test_button.click()
        qtbot.waitUntil(says(desktop, ProxyUnreachable.title), timeout=PATIENCE)
    page.kind.setCurrentIndex(page.kind.findData("none"))
    page.kind.activated.emit(page.kind.currentIndex())
    qtbot.waitUntil(says(desktop, "There is no Reelferry server"), timeout=PATIENCE)
    assert settings.load(desks.paths.settings).proxy == "none"
    assert page.host.isHidden() or not page.host.isVisible()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("proxy.example", "socks5://proxy.example:1080"),
        ("proxy.example:9050", "socks5://proxy.example:9050"),
        ("fe80::1", "socks5://[fe80::1]:1080"),
        ("ada@proxy.example", "socks5://ada@proxy.example:1080"),
        ("", None),
        ("two words/", None),
    ],
)
def test_an_address_is_taken_as_people_type_it(qtbot: QtBot, theme: Theme, host: str, address: str | None):
    page, chosen = NetworkPage(theme), list[str]()
    qtbot.addWidget(page)
    page.proxy_chosen.connect(lambda choice, _: chosen.append(choice))
    page.kind.setCurrentIndex(page.kind.findData("socks5"))
    page.kind.activated.emit(page.kind.currentIndex())
    page.host.setText(host)
    page.use_button.click()
    assert chosen == ([address] if address else [])
    assert address or page.outcome.text() == "Type the name or the address of the proxy."


def test_a_file_of_certificates_is_looked_at_before_it_is_kept(
    qtbot: QtBot, desktop: Desktop, desks: Desks, tmp_path: Path
):
    authority, _, key = certificates(tmp_path)
    page = desktop.network
    page.certificates_chosen.emit(key)
    qtbot.waitUntil(lambda: page.file_trouble.text().startswith("This file holds no certificates"), timeout=PATIENCE)
    assert settings.load(desks.paths.settings).certificates is None
    page.certificates_chosen.emit(authority)
    qtbot.waitUntil(lambda: page.file.text() == str(authority), timeout=PATIENCE)
    assert settings.load(desks.paths.settings).certificates == str(authority)
    assert not page.file_trouble.text()
    page.remove_button.click()
    qtbot.waitUntil(lambda: settings.load(desks.paths.settings).certificates is None, timeout=PATIENCE)


def test_the_pause_on_metered_networks_can_be_switched_off(qtbot: QtBot, desktop: Desktop, desks: Desks):
    def held() -> str | None:
        why = desktop.window._network.held
        return why.code if why else None

    desktop.connection.found.emit(Surroundings(metered=True, name="hotspot"))
    qtbot.waitUntil(lambda: held() == Metered.code, timeout=PATIENCE)
    desktop.network.pause.click()
    qtbot.waitUntil(lambda: held() is None, timeout=PATIENCE)
    assert settings.load(desks.paths.settings).pause_when_metered is False


def test_before_there_is_a_server_the_way_to_it_can_be_chosen(desks: Desks):
    desktop = desks.start()
    desktop.session._page.network_button.click()
    assert desktop.preferences.tabs.tabText(desktop.preferences.tabs.currentIndex()) == "Network"
    desktop.network.test_button.click()
    assert desktop.network.outcome.text() == "Your server is on this computer: nothing goes through a proxy."
