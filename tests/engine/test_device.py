"""Signing in at another computer: how the app asks, how often, and what it makes of every answer."""

from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.engine.api_host import ApiHost, says
from tests.engine.served import Stage
from uploader.engine.device import GRANT, Invitation, sign_in_elsewhere
from uploader.engine.http import api_client
from uploader.engine.oauth import Tokens
from uploader.errors import NoOtherComputer, SignInFailed

pytestmark = pytest.mark.anyio

CODES = {
    "device_code": "device-1",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://films.example/device",
    "verification_uri_complete": "https://films.example/device?user_code=BCDF-GHJK",
    "expires_in": 600,
    "interval": 5,
}


class Asking:
    """A server with a script of answers, and what the app did."""

    def __init__(self, host: ApiHost, server: str, http: httpx.AsyncClient) -> None:
        self.host, self._server, self._http = host, server, http
        host.metadata["device_authorization_endpoint"] = f"{server}/oauth/device_authorization"
        host.answers["/oauth/device_authorization"] = says(200, CODES)
        host.answers["/oauth/token"] = self._next
        self.script: deque[Response | str] = deque()
        self.pauses: list[float] = []
        self.shown: list[Invitation] = []

    async def sign_in(self) -> Tokens:
        return await sign_in_elsewhere(self._server, self._http, self.shown.append, nap=self._nap)

    def forms(self, path: str) -> list[dict[str, str]]:
        bodies = [body for _, asked, _, body in self.host.requests if asked == path]
        return [{name: values[0] for name, values in parse_qs(body.decode()).items()} for body in bodies]

    async def _nap(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _next(self, request: Request) -> Response:
        step = self.script.popleft() if self.script else "yes"
        if isinstance(step, Response):
            return step
        if step == "yes":
            return says(200, self.host.issue())(request)
        return says(400, {"error": step})(request)


@pytest.fixture
async def asking(stage: Stage) -> AsyncIterator[Asking]:
    host = ApiHost()
    stage.app = host
    server = f"http://127.0.0.1:{stage.port}"
    async with api_client(server) as http:
        yield Asking(host, server, http)


async def test_it_shows_the_code_and_asks_until_somebody_has_said_yes(asking: Asking):
    asking.script.extend(["authorization_pending"] * 3)
    tokens = await asking.sign_in()
    assert (tokens.access, tokens.refresh) == ("access-1", "refresh-1")
    assert asking.shown == [
        Invitation(CODES["verification_uri"], "BCDF-GHJK", CODES["verification_uri_complete"], 600)  # type: ignore[arg-type]
    ]
    assert asking.pauses == [5, 5, 5, 5], "it waits before it asks for the first time, too"
    assert asking.forms("/oauth/device_authorization") == [
        {"client_id": "reelferry-desktop", "scope": "upload offline_access"}
    ]
    once = {"client_id": "reelferry-desktop", "grant_type": GRANT, "device_code": "device-1"}
    assert asking.forms("/oauth/token") == [once] * 4


async def test_it_slows_down_for_good_when_told_to(asking: Asking):
    asking.script.extend(["authorization_pending", "slow_down", "authorization_pending", "slow_down"])
    await asking.sign_in()
    assert asking.pauses == [5, 5, 10, 10, 15]


async def test_trouble_on_the_way_makes_it_ask_less_often_and_go_on(asking: Asking):
    busy = Response("busy", 503, {"Retry-After": "40"})
    asking.script.extend([Response("away", 502), "authorization_pending", busy])
    await asking.sign_in()
    assert asking.pauses == [5, 10, 10, 40]


async def test_without_an_interval_it_asks_every_five_seconds(asking: Asking):
    codes = {name: value for name, value in CODES.items() if name not in {"interval", "verification_uri_complete"}}
    asking.host.answers["/oauth/device_authorization"] = says(200, codes)
    await asking.sign_in()
    assert asking.pauses == [5]
    assert asking.shown[0].complete is None


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("access_denied", "Signing in was not allowed"),
        ("expired_token", "Nobody signed in within 10 minutes"),
        ("invalid_grant", "Signing in did not work"),
        ("invalid_client", "Signing in did not work"),
    ],
)
async def test_it_ends_with_words_where_asking_further_makes_no_sense(asking: Asking, said: str, title: str):
    asking.script.extend(["authorization_pending", said])
    with pytest.raises(SignInFailed) as caught:
        await asking.sign_in()
    assert caught.value.title == title
    assert len(asking.pauses) == 2


async def test_it_gives_up_when_the_code_is_over_even_if_the_server_does_not_say_so(asking: Asking):
    asking.host.answers["/oauth/device_authorization"] = says(200, {**CODES, "expires_in": 0.05})
    asking.script.extend(["authorization_pending"] * 10_000)
    with pytest.raises(SignInFailed, match="expired_token"):
        await asking.sign_in()


async def test_a_server_that_has_no_such_way_says_so_before_anything_is_shown(asking: Asking):
    asking.host.answers["/oauth/device_authorization"] = says(400, {"error": "unauthorized_client"})
    with pytest.raises(NoOtherComputer):
        await asking.sign_in()
    del asking.host.metadata["device_authorization_endpoint"]
    with pytest.raises(NoOtherComputer):
        await asking.sign_in()
    assert asking.shown == []
