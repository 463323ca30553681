"""Signing in: the whole way with a browser, and everything that may come back to the landing address instead."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.engine.api_host import Answer, ApiHost, page, says
from tests.engine.certificates import certificates
from tests.engine.served import Stage, served
from uploader.engine.http import api_client
from uploader.engine.oauth import Tokens
from uploader.engine.sign_in import sign_in
from uploader.errors import CaptivePortal, NotAServer, Offline, ReelferryError, ServerBusy, SignInFailed

pytestmark = pytest.mark.anyio


@dataclass
class Browser:
    """Goes where it is sent, follows redirects, and remembers what it showed last."""

    shown: list[httpx.Response] = field(default_factory=list)
    visits: list[asyncio.Task[None]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    detour: Callable[[str], str] | None = None

    def open(self, url: str) -> None:
        self.opened.append(url)
        self.visits.append(asyncio.create_task(self.visit(url)))

    async def visit(self, url: str) -> None:
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False, verify=False) as http:  # noqa: S501  (no TLS here)
            self.shown.append(await http.get(url))

    @property
    def landing(self) -> str:
        return parse_qs(urlsplit(self.opened[0]).query)["redirect_uri"][0]

    @property
    def state(self) -> str:
        return parse_qs(urlsplit(self.opened[0]).query)["state"][0]

    async def until_sent(self) -> None:
        async with asyncio.timeout(60):
            while not self.opened:  # noqa: ASYNC110  (opened by a callback)
                await asyncio.sleep(0.005)


@pytest.fixture
def host() -> ApiHost:
    return ApiHost()


@pytest.fixture
def server(host: ApiHost, stage: Stage) -> str:
    stage.app = host
    return f"http://127.0.0.1:{stage.port}"


@pytest.fixture
async def http(server: str) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(server) as http:
        yield http


@pytest.fixture
def browser() -> Browser:
    return Browser()


def waiting(server: str, http: httpx.AsyncClient, browser: Browser) -> "asyncio.Task[Tokens]":
    """A sign-in whose browser has been told where to go, and does not."""
    return asyncio.create_task(sign_in(server, http, browser.opened.append))


async def test_a_person_signs_in_and_is_told_so(server: str, http: httpx.AsyncClient, browser: Browser):
    tokens = await sign_in(server, http, browser.open)
    await asyncio.gather(*browser.visits)
    assert (tokens.access, tokens.refresh, tokens.lifetime) == ("access-2", "refresh-2", 900)
    shown = browser.shown[0]
    assert shown.status_code == 200
    assert "You are signed in" in shown.text
    assert "You can close this tab and return to Reelferry." in shown.text


async def test_the_page_says_signed_in_only_after_the_server_has(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser
):
    host.answers["/oauth/token"] = says(400, {"error": "invalid_grant"})
    with pytest.raises(SignInFailed):
        await sign_in(server, http, browser.open)
    await asyncio.gather(*browser.visits)
    assert browser.shown[0].status_code == 400
    assert "You are signed in" not in browser.shown[0].text
    assert "Signing in did not work" in browser.shown[0].text


async def test_every_sign_in_has_secrets_and_an_address_of_its_own(
    server: str, http: httpx.AsyncClient, browser: Browser
):
    for _ in range(2):
        await sign_in(server, http, browser.open)
    first, second = (parse_qs(urlsplit(url).query) for url in browser.opened)
    for name in ("state", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name][0]) >= 43
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", first["redirect_uri"][0])
    await asyncio.gather(*browser.visits)


async def test_somebody_who_says_no_has_cancelled(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser
):
    host.parameters = {"code": "", "error": "access_denied"}
    with pytest.raises(SignInFailed) as caught:
        await sign_in(server, http, browser.open)
    assert caught.value.title == "Signing in was cancelled"
    await asyncio.gather(*browser.visits)
    assert "Signing in was cancelled" in browser.shown[0].text


@pytest.mark.parametrize(
    "parameters",
    [{"iss": "https://elsewhere.test"}, {"iss": ""}, {"code": ""}, {"code": "", "error": "server_error"}],
    ids=["another issuer", "no issuer", "no code", "the server's own error"],
)
async def test_an_answer_that_is_not_the_servers_own_is_not_redeemed(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser, parameters: dict[str, str]
):
    host.parameters = parameters
    with pytest.raises(SignInFailed):
        await sign_in(server, http, browser.open)
    assert host.asked("/oauth/token") == 0
    await asyncio.gather(*browser.visits)


async def test_a_server_that_names_no_issuer_need_not_name_it(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser
):
    host.metadata["authorization_response_iss_parameter_supported"] = False
    host.parameters = {"iss": ""}
    assert (await sign_in(server, http, browser.open)).access
    await asyncio.gather(*browser.visits)


async def test_visits_without_the_right_state_change_nothing(server: str, http: httpx.AsyncClient, browser: Browser):
    task = waiting(server, http, browser)
    await browser.until_sent()
    async with httpx.AsyncClient(trust_env=False, verify=False) as stranger:  # noqa: S501  (no TLS here)
        for query in ("", "?code=x", "?code=x&state=", "?code=x&state=wrong", "?error=access_denied&state=%ff"):
            shown = await stranger.get(browser.landing + query)
            assert shown.status_code == 400
            assert "wrong" not in shown.text
        assert (await stranger.get(browser.landing.replace("/callback", "/favicon.ico"))).status_code == 404
        assert (await stranger.post(browser.landing)).status_code == 404
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):  # as much of it as was read in time
            await stranger.get(f"{browser.landing}?state={browser.state}&code=" + "x" * 20_000)
    assert not task.done()
    await browser.visit(browser.opened[0])
    assert (await task).access


async def test_a_second_visit_with_the_same_state_is_turned_away(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser
):
    redeeming, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slowly(request: Request) -> Response:
        loop.call_soon_threadsafe(redeeming.set)
        assert go_on.wait(60)
        return says(200, host.issue())(request)

    host.answers["/oauth/token"] = slowly
    task = asyncio.create_task(sign_in(server, http, browser.open))
    await redeeming.wait()
    await browser.visit(f"{browser.landing}?state={browser.state}&code=another")
    go_on.set()
    await task
    await asyncio.gather(*browser.visits)
    assert [shown.status_code for shown in browser.shown] == [400, 200]
    assert host.asked("/oauth/token") == 1


async def test_a_browser_that_only_opened_a_connection_delays_nobody(
    server: str, http: httpx.AsyncClient, browser: Browser
):
    task = waiting(server, http, browser)
    await browser.until_sent()
    with socket.create_connection(("127.0.0.1", urlsplit(browser.landing).port or 0)):
        await browser.visit(browser.opened[0])
        async with asyncio.timeout(60):
            await task


async def test_what_is_shown_may_do_nothing_and_is_kept_nowhere(server: str, http: httpx.AsyncClient, browser: Browser):
    await sign_in(server, http, browser.open)
    await asyncio.gather(*browser.visits)
    headers = browser.shown[0].headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in browser.shown[0].text


async def test_nobody_coming_back_ends_it(server: str, http: httpx.AsyncClient, browser: Browser):
    with pytest.raises(SignInFailed, match="nobody came back"):
        await sign_in(server, http, browser.opened.append, patience=0.05)
    with pytest.raises(httpx.ConnectError):
        await browser.visit(browser.landing)


async def test_it_can_be_cancelled_and_leaves_no_address_behind(server: str, http: httpx.AsyncClient, browser: Browser):
    task = waiting(server, http, browser)
    await browser.until_sent()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(httpx.ConnectError):
        await browser.visit(browser.landing)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(404, {}), NotAServer),
        (says(200, {"issuer": 5}), NotAServer),
        (says(200, []), NotAServer),
        (page(404), NotAServer),
        (page(), CaptivePortal),
        (says(302, None, location="/"), CaptivePortal),
        (says(503), ServerBusy),
    ],
)
async def test_a_server_that_does_not_say_where_to_go_opens_no_browser(
    server: str, http: httpx.AsyncClient, host: ApiHost, answer: Answer, error: type[ReelferryError]
):
    host.answers["/.well-known/oauth-authorization-server"] = answer
    opened: list[str] = []
    with pytest.raises(error):
        await sign_in(server, http, opened.append)
    assert not opened


@pytest.mark.parametrize(
    "metadata", [{"issuer": "http://127.0.0.1:1"}, {"code_challenge_methods_supported": ["plain"]}]
)
async def test_a_server_that_is_not_what_was_asked_for_opens_no_browser(
    host: ApiHost, server: str, http: httpx.AsyncClient, browser: Browser, metadata: dict[str, object]
):
    host.metadata = metadata
    with pytest.raises(SignInFailed):
        await sign_in(server, http, browser.open)
    assert not browser.opened


async def test_a_server_behind_tls_does_not_send_secrets_around_it(
    host: ApiHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority, *tls = certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    opened: list[str] = []
    with served(host, tls=(tls[0], tls[1])) as port:
        server = f"https://127.0.0.1:{port}"
        async with api_client(server) as http:
            task = asyncio.create_task(sign_in(server, http, opened.append))
            async with asyncio.timeout(60):
                while not opened:  # noqa: ASYNC110  (opened by a callback)
                    await asyncio.sleep(0.005)
            assert opened[0].startswith(f"{server}/oauth/authorize?")
            task.cancel()
            host.metadata["token_endpoint"] = "http://127.0.0.1/oauth/token"
            with pytest.raises(SignInFailed, match="not encrypted"):
                await sign_in(server, http, opened.append)
    assert len(opened) == 1


async def test_an_address_where_nobody_is_opens_no_browser(http: httpx.AsyncClient, browser: Browser):
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Offline):
            await sign_in(f"http://127.0.0.1:{bound.getsockname()[1]}", http, browser.open)
    assert not browser.opened
