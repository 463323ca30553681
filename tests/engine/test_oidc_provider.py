"""The desktop, a certified OpenID Connect provider (oidc-provider) and the backend: everybody's part, nobody's mock."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.backend.fake_provider import FakeProvider
from tests.backend.server import serving
from tests.browser import Browser
from tests.needs import need_peer
from uploader.backend.context import Backend
from uploader.engine.client import Client
from uploader.engine.device import Invitation, sign_in_elsewhere
from uploader.engine.discovery import discover
from uploader.engine.http import api_client
from uploader.engine.session import MemoryVault, Session
from uploader.engine.sign_in import sign_in
from uploader.errors import Refused, SignInNeeded

pytestmark = [pytest.mark.anyio, pytest.mark.peer]

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
AUDIENCE = "https://films.example/api"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    peers = need_peer("oidc-provider")
    with subprocess.Popen(
        ["node", SCRIPT, AUDIENCE], cwd=peers, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        assert process.stdin
        yield json.loads(process.stdout.readline())["issuer"]
        process.stdin.close()


@pytest.fixture(scope="module")
def backend(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server whose accounts the provider keeps."""
    environ = {
        "AUTH_ISSUER": issuer,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_CLIENT_ID": "films-app",
        "AUTH_SCOPE": "openid profile offline_access upload",
        "AUTH_PARAMETERS": f"resource={AUDIENCE}&prompt=consent",
    }
    with serving(tmp_path_factory.mktemp("server"), {"local": FakeProvider}, **environ) as backend:
        yield backend


@pytest.fixture
async def http(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(backend.base_url) as http:
        yield http


async def visit(url: str) -> None:
    """A person's browser: goes where it is sent, until it is back at the desktop."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False, verify=False) as browser:  # noqa: S501  (no TLS here)
        page = await browser.get(url)
    assert page.status_code == 200, page.text
    assert "You are signed in" in page.text


async def signed_in(backend: Backend, http: httpx.AsyncClient, vault: MemoryVault) -> Session:
    visits: list[asyncio.Task[None]] = []
    tokens = await sign_in(backend.base_url, http, lambda url: visits.append(asyncio.create_task(visit(url))))
    await asyncio.gather(*visits)
    session = Session(backend.base_url, vault, http)
    await session.begin(tokens)
    return session


async def test_the_desktop_finds_the_issuer_through_the_server(backend: Backend, http: httpx.AsyncClient, issuer: str):
    place = await discover(http, backend.base_url)
    assert place.at.issuer == issuer
    assert (place.client_id, place.scope) == ("films-app", "openid profile offline_access upload")
    assert urlsplit(place.at.authorization_endpoint).netloc == urlsplit(issuer).netloc


async def test_from_the_browser_to_the_api_and_on_by_refreshing(backend: Backend, http: httpx.AsyncClient):
    vault = MemoryVault()
    session = await signed_in(backend, http, vault)
    client = Client(http, session)
    me = await client.me()
    assert (me.username, me.name) == ("ada", "Ada Lovelace")

    first = await session.access()
    refresh_token = vault.tokens[backend.base_url]
    second = await session.access(rejected=first)
    assert second != first
    assert vault.tokens[backend.base_url] != refresh_token, "this provider rotates them"
    assert (await client.me()).id == me.id
    with pytest.raises(Refused) as refused:
        await client.sign_out_everywhere()
    assert refused.value.title == "This server cannot sign you out everywhere"

    await session.end()
    assert vault.tokens == {}
    vault.tokens[backend.base_url] = refresh_token
    with pytest.raises(SignInNeeded):
        await Client(http, Session(backend.base_url, vault, http)).me()


async def test_another_sign_in_of_the_same_person_is_the_same_user(backend: Backend, http: httpx.AsyncClient):
    ids = {(await Client(http, await signed_in(backend, http, MemoryVault())).me()).id for _ in range(2)}
    assert len(ids) == 1


async def test_by_code_at_another_computer(backend: Backend, http: httpx.AsyncClient):
    shown: list[Invitation] = []
    answered = asyncio.Event()

    def show(invitation: Invitation) -> None:
        shown.append(invitation)

    async def answer(_: float) -> None:
        if not answered.is_set():
            browser = Browser()
            page = await asyncio.to_thread(browser.open, shown[0].complete or "")
            browser.close()
            assert page.text == "done"
            answered.set()

    tokens = await sign_in_elsewhere(backend.base_url, http, show, nap=answer)
    assert parse_qs(urlsplit(shown[0].complete or "").query)["user_code"] == [shown[0].code]
    session = Session(backend.base_url, MemoryVault(), http)
    await session.begin(tokens)
    assert (await Client(http, session).me()).username == "ada"
