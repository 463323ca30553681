"""A stand for accounts: the real application on a real uvicorn, with a clock that the test moves."""

import base64
import hashlib
import html
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select

from tests.backend.server import config_in, visitor
from uploader.backend.accounts.asked import CLIENT_ID
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.app import create_app
from uploader.backend.context import Backend
from uploader.backend.server import Server, address, listening
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate
from uploader.backend.store.models import Base, User

T = TypeVar("T")

PASSWORD = "correct horse battery"
PASSWORD_HASH = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # ours takes 0.1 s by intent
REDIRECT = "http://127.0.0.1:5000/callback"
BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)

    def begin_quarter(self) -> None:
        """On to the next full quarter of an hour: every limit starts anew."""
        self.pass_by(seconds=900 - self.now.timestamp() % 900)


class Proof:
    """A PKCE verifier and its challenge."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass
class Stand:
    """What a test holds: the server's parts, a browser, an app, and who is signing in."""

    backend: Backend
    clock: Clock
    browser: httpx.Client
    app: httpx.Client
    ada: User
    proof: Proof = field(default_factory=Proof)

    @property
    def database(self) -> Database:
        return self.backend.database

    def stored(self) -> bytes:
        """All that the database keeps: on SQLite what lies on the disk, elsewhere every value of every row."""
        if self.database.dialect == "sqlite":
            files = [path for path in self.backend.config.data.iterdir() if "sqlite3" in path.name]
            return b"".join(path.read_bytes() for path in files)
        with self.database.read() as session:
            rows = [row for table in Base.metadata.sorted_tables for row in session.execute(select(table))]
        return repr(rows).encode()

    def asked(self, **changes: str | None) -> dict[str, str]:
        """The parameters of an authorization request; a change to None leaves one out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT,
            "scope": "upload offline_access",
            "state": "a state",
            "code_challenge": self.proof.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    def page(self, **changes: str | None) -> httpx.Response:
        """Open the sign-in page."""
        return self.browser.get("/oauth/authorize", params=self.asked(**changes))

    def sign_in(self, **changes: str | None) -> httpx.Response:
        """Open the page, fill it in as ada, send it."""
        return self.fill_in(self.page(**changes))

    def fill_in(self, page: httpx.Response, username: str = "ada", password: str = PASSWORD) -> httpx.Response:
        """Send the page's form."""
        form = {**hidden_fields(page.text), "username": username, "password": password}
        return self.browser.post("/oauth/authorize", data=form)

    def code(self, **changes: str | None) -> str:
        """A fresh code for ada."""
        return returned(self.sign_in(**changes))["code"]

    def token(self, **form: str) -> httpx.Response:
        """One call of the token endpoint."""
        return self.app.post("/oauth/token", data={"client_id": CLIENT_ID, **form})

    def redeem(self, code: str, /, **changes: str) -> httpx.Response:
        """Tokens for a code."""
        form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": self.proof.verifier, **changes}
        return self.token(**{"grant_type": "authorization_code", **form})

    def refresh(self, refresh_token: str) -> httpx.Response:
        """Tokens for a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def signed_in(self) -> dict[str, Any]:
        """The token reply of a whole sign-in."""
        reply = self.redeem(self.code())
        assert reply.status_code == 200, reply.text
        pair: dict[str, Any] = reply.json()
        return pair

    def device(self, **changes: str) -> dict[str, Any]:
        """The codes of an app that cannot open a browser."""
        form = {"client_id": CLIENT_ID, "scope": "upload offline_access", **changes}
        reply = self.app.post("/oauth/device_authorization", data=form)
        assert reply.status_code == 200, reply.text
        codes: dict[str, Any] = reply.json()
        return codes

    def poll(self, device_code: str) -> httpx.Response:
        """One question of that app: may I come in?"""
        return self.token(grant_type=DEVICE_CODE_GRANT_TYPE, device_code=device_code)

    def enter_code(self, user_code: str) -> httpx.Response:
        """Open the page for another computer's code, type it, send it."""
        hidden = hidden_fields(self.browser.get("/device").text)
        return self.browser.post("/device", data={**hidden, "user_code": user_code})

    def confirm(self, page: httpx.Response, username: str = "ada", password: str = PASSWORD) -> httpx.Response:
        """Send the form that asks who is there, as allowed."""
        form = {**hidden_fields(page.text), "username": username, "password": password}
        return self.browser.post("/device/confirm", data=form)

    def whoami(self, token: str) -> httpx.Response:
        """A protected call."""
        return self.app.get("/whoami", headers={"Authorization": f"Bearer {token}"})

    def revoke(self, token: str, **more: str) -> httpx.Response:
        """One call of the revocation endpoint."""
        return self.app.post("/oauth/revoke", data={"client_id": CLIENT_ID, "token": token, **more})


def hidden_fields(page: str) -> dict[str, str]:
    """What the page's form carries along."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def returned(response: httpx.Response) -> dict[str, str]:
    """What the app reads from the address it is called back with."""
    assert response.status_code == 302, (response.status_code, response.text)
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


def at_once(count: int, call: Callable[[], T]) -> list[T]:
    """The results of `count` calls that start together, each in a thread."""
    together = threading.Barrier(count)

    def one(_: int) -> T:
        together.wait(60)
        return call()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def in_turn(*calls: Callable[[], T]) -> Callable[[], T]:
    """A call that does the next of these each time."""
    left = iter(calls)

    def one() -> T:
        return next(left)()

    return one


def client(base_url: str) -> httpx.Client:
    """Somebody with cookies of their own. Nobody here speaks TLS: no certificates are loaded."""
    return visitor(base_url)


@contextmanager
def standing(folder: Path, public_url: str | None = None) -> Iterator[Stand]:
    """The stand, serving; ada has an account, a community exists."""
    clock = Clock()
    config = config_in(folder, **({"PUBLIC_URL": public_url} if public_url else {}))
    database = Database(config.database_url)
    migrate(database)
    ada = User(username="ada", name="Ada", password_hash=PASSWORD_HASH)
    with database.write() as session:
        session.add(ada)
    with listening(config) as listener:
        base_url = address(listener)
        backend = Backend(config, database, {}, clock, public_url or base_url)
        app = create_app(backend)

        @app.get("/whoami")
        def whoami(user: CurrentUser) -> dict[str, str]:
            return {"username": user.username}

        settings = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        server = Server(settings, before_end=lambda: None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with client(base_url) as browser, client(base_url) as program:
                yield Stand(backend, clock, browser, program, ada)
        finally:
            server.end()
            thread.join()
            database.close()
