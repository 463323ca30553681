"""A real server in a thread, on a free port, with a data folder of its own; and people signed in to it."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.backend.databases import databases
from uploader.backend.accounts import tokens, users
from uploader.backend.config import Config
from uploader.backend.context import Backend
from uploader.backend.providers import PROVIDERS, MakeProvider
from uploader.backend.server import running
from uploader.backend.store.database import Database
from uploader.backend.store.models import User, now
from uploader.backend.store.sign_in_models import OAuthToken

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loopback needs none, and loading every certificate authority takes longer than a test."""


def config_in(folder: Path, **environ: str) -> Config:
    """The configuration of a server that keeps everything in `folder`, on the database that the test runs on."""
    url = databases.url(folder)
    return Config.load(environ if url is None else {"DATABASE_URL": url, **environ}, folder)


@contextmanager
def serving(
    folder: Path,
    providers: Mapping[str, MakeProvider] = PROVIDERS,
    clock: Callable[[], datetime] = now,
    /,
    **environ: str,
) -> Iterator[Backend]:
    """The server, answering at `backend.base_url`. Where a day or a minute is counted, its `clock` is `stopped`."""
    with running(config_in(folder, **environ), providers, clock) as backend:
        yield backend


def stopped() -> Callable[[], datetime]:
    """A clock that stands still from now on: no minute and no day ends meanwhile, however slow the test is."""
    moment = now()
    return lambda: moment


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in. Close `api` when done; `reelferry` does."""

    user: User
    token: str
    api: httpx.Client


def make_user(database: Database, username: str = "ann") -> User:
    """An account nobody can enter by password."""
    with database.write() as session:
        return users.create(session, username, username.title(), "no password opens this", now())


def make_token(database: Database, user: User, *, life: timedelta = timedelta(hours=1)) -> str:
    """An access token of this user, as the sign-in would have given."""
    return make_tokens(database, user, life=life)[0]


def make_tokens(database: Database, user: User, *, life: timedelta = timedelta(hours=1)) -> tuple[str, str]:
    """Access token and refresh token."""
    access, refresh = tokens.new_secret(tokens.ACCESS_PREFIX), tokens.new_secret(tokens.REFRESH_PREFIX)
    with database.write() as session:
        session.add(
            OAuthToken(
                access_hash=tokens.digest(access),
                refresh_hash=tokens.digest(refresh),
                family=tokens.new_family(),
                client_id="reelferry-desktop",
                user_id=user.id,
                scope="upload",
                access_expires_at=now() + life,
                refresh_expires_at=now() + life,
            )
        )
    return access, refresh


@contextmanager
def signed_in(backend: Backend, username: str = "ann") -> Iterator[Person]:
    """A new person and a client that carries their token."""
    user = make_user(backend.database, username)
    token = make_token(backend.database, user)
    with client(backend, token) as api:
        yield Person(user, token, api)


def client(backend: Backend, token: str | None = None) -> httpx.Client:
    """An HTTP client of this server."""
    return visitor(backend.base_url, {} if token is None else {"Authorization": f"Bearer {token}"})


def visitor(base_url: str = "", headers: Mapping[str, str] | None = None, **how: Any) -> httpx.Client:  # noqa: ANN401
    """An HTTP client that is patient: this machine may be slow. `how` is httpx's own."""
    return httpx.Client(base_url=base_url, headers=headers, timeout=60, trust_env=False, verify=NO_TLS, **how)
