"""Where a server lets its people sign in: at itself, or at an issuer that it names."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.engine.api_host import ApiHost, page, says
from tests.engine.certificates import certificates
from tests.engine.served import Stage, served, serving
from uploader.engine.discovery import discover
from uploader.engine.http import api_client
from uploader.engine.sign_in import sign_in
from uploader.errors import CaptivePortal, NotAServer, ReelferryError, SignInFailed

pytestmark = pytest.mark.anyio

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def issuer_stage() -> Iterator[Stage]:
    stage = Stage()
    with serving(stage) as stage.served:
        yield stage


@pytest.fixture
def issuer(issuer_stage: Stage) -> Iterator[ApiHost]:
    host = ApiHost()
    issuer_stage.app = host
    yield host
    assert issuer_stage.served is not None
    issuer_stage.served.settle()


class Elsewhere:
    """A server that keeps no accounts and says who does."""

    def __init__(self, issuer: str) -> None:
        self.says: dict[str, Any] = {
            "resource": "whatever",
            "authorization_servers": [issuer],
            "scopes_supported": ["openid", "films"],
            "reelferry_client_id": "films-app",
            "reelferry_parameters": {"resource": "https://films.example/api", "audience": "films & more"},
        }
        self.app = Starlette(routes=[Route("/.well-known/oauth-protected-resource", self._about)])

    def _about(self, _: Request) -> Response:
        return JSONResponse(self.says)


@pytest.fixture
def server(stage: Stage, issuer: ApiHost, issuer_stage: Stage) -> Elsewhere:
    elsewhere = Elsewhere(f"http://127.0.0.1:{issuer_stage.port}")
    stage.app = elsewhere.app
    return elsewhere


@pytest.fixture
async def http(stage: Stage, issuer: ApiHost) -> AsyncIterator[httpx.AsyncClient]:
    """It speaks with both, so it ends before them."""
    del issuer
    async with api_client(f"http://127.0.0.1:{stage.port}") as http:
        yield http


def at(stage: Stage) -> str:
    return f"http://127.0.0.1:{stage.port}"


async def test_an_issuer_that_only_knows_openid_connect_is_found(
    server: Elsewhere, issuer: ApiHost, issuer_stage: Stage, stage: Stage, http: httpx.AsyncClient
):
    document = {
        "issuer": at(issuer_stage),
        "authorization_endpoint": f"{at(issuer_stage)}/authorize",
        "token_endpoint": f"{at(issuer_stage)}/token",
    }
    for answer in (says(404), says(500), page(), page(400)):
        issuer.answers = {METADATA: answer, "/.well-known/openid-configuration": says(200, document)}
        place = await discover(http, at(stage))
        assert place.at.token_endpoint == f"{at(issuer_stage)}/token"
        assert (place.client_id, place.scope, place.ports) == ("films-app", "openid films", (0,))
        assert place.parameters == server.says["reelferry_parameters"]


async def test_the_parameters_of_the_server_go_with_every_request_and_change_none_of_ours(
    server: Elsewhere, issuer: ApiHost, stage: Stage, http: httpx.AsyncClient
):
    server.says["reelferry_parameters"] |= {"redirect_uri": "https://evil.test", "client_id": "evil"}
    opened: list[str] = []
    bodies: list[bytes] = []

    def token(_: Request) -> Response:
        bodies.append(issuer.requests[-1][3])
        return says(200, issuer.issue())(_)

    issuer.answers["/oauth/token"] = token
    task = asyncio.create_task(sign_in(at(stage), http, opened.append))
    async with asyncio.timeout(60):
        while not opened:  # noqa: ASYNC110  (opened by a callback)
            await asyncio.sleep(0.005)
    asked = parse_qs(urlsplit(opened[0]).query)
    assert asked["audience"] == ["films & more"]
    assert asked["client_id"] == ["films-app"]
    assert asked["scope"] == ["openid films"]
    (landing,) = asked["redirect_uri"]
    assert landing.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:  # noqa: S501  (no TLS here)
        query = {"code": "a code", "state": asked["state"][0], "iss": server.says["authorization_servers"][0]}
        await browser.get(landing, params=query)
    await task
    body = parse_qs(bodies[0].decode())
    assert (body["client_id"], body["redirect_uri"]) == (["films-app"], [landing])
    assert body["resource"] == ["https://films.example/api"]


async def test_where_the_issuer_compares_ports_the_first_free_one_is_used(
    server: Elsewhere, stage: Stage, http: httpx.AsyncClient
):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        ports = [taken.getsockname()[1], free.getsockname()[1]]
        server.says["reelferry_redirect_ports"] = ports
        with pytest.raises(SignInFailed, match="is free"):
            await sign_in(at(stage), http, lambda _: None)
        free.close()
        opened: list[str] = []
        with pytest.raises(SignInFailed, match="nobody came back"):
            await sign_in(at(stage), http, opened.append, patience=0.05)
    (landing,) = parse_qs(urlsplit(opened[0]).query)["redirect_uri"]
    assert landing == f"http://127.0.0.1:{ports[1]}/callback"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"authorization_servers": []}, NotAServer),
        ({"authorization_servers": None}, NotAServer),
        ({"reelferry_client_id": None}, NotAServer),
        ({"reelferry_redirect_ports": [0]}, NotAServer),
        ({"authorization_servers": ["nonsense"]}, NotAServer),
        ({"authorization_servers": ["http://[::1"]}, NotAServer),
    ],
)
async def test_a_server_that_names_no_issuer_that_can_be_asked_is_none_of_ours(
    server: Elsewhere, stage: Stage, http: httpx.AsyncClient, changed: dict[str, object], error: type[ReelferryError]
):
    server.says |= changed
    with pytest.raises(error):
        await discover(http, at(stage))


async def test_an_issuer_that_calls_itself_something_else_is_not_talked_to(
    server: Elsewhere, issuer: ApiHost, stage: Stage, http: httpx.AsyncClient
):
    issuer.metadata["issuer"] = "https://evil.test"
    issuer.answers["/.well-known/openid-configuration"] = page()
    with pytest.raises(SignInFailed, match="evil"):
        await discover(http, at(stage))


async def test_an_issuer_behind_a_sign_in_page_of_the_network_is_no_answer(
    server: Elsewhere, issuer: ApiHost, stage: Stage, http: httpx.AsyncClient
):
    issuer.answers = dict.fromkeys((METADATA, "/.well-known/openid-configuration"), page())
    with pytest.raises(CaptivePortal):
        await discover(http, at(stage))


async def test_a_server_behind_tls_names_no_issuer_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    authority, certificate, key = certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with served(Elsewhere("http://127.0.0.1:1").app, tls=(certificate, key)) as port:
        async with api_client(f"https://127.0.0.1:{port}") as http:
            with pytest.raises(SignInFailed, match="not encrypted"):
                await discover(http, f"https://127.0.0.1:{port}")
