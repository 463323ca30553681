"""Fixtures of all backend tests: both databases, a running server, one before a fake provider, people signed in."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.backend.databases import KINDS, databases
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, serving, signed_in
from uploader.backend.accounts import issuer_keys
from uploader.backend.context import Backend
from uploader.backend.providers import calls
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test twice, once on each database, unless its mark says why once is enough."""
    once = metafunc.definition.get_closest_marker("one_database")
    if once is None or "on" in once.kwargs:
        kinds = KINDS if once is None else [once.kwargs["on"]]
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="module")


def pytest_sessionfinish() -> None:
    databases.end()


@pytest.fixture(scope="module", autouse=True)
def database_kind(request: pytest.FixtureRequest) -> str:
    """sqlite or postgresql: what servers of this test use. A module's own server has to ask for this fixture."""
    databases.kind = str(getattr(request, "param", "sqlite"))
    return databases.kind


@pytest.fixture(autouse=True)
def _databases(database_kind: str, tmp_path: Path) -> Iterator[None]:
    with databases.dropped(tmp_path):
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient() -> Iterator[None]:
    """What a person waits for has short time-outs; a slow machine must not run into them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(issuer_keys, "TIMEOUT", httpx.Timeout(60))
        patch.setattr(calls, "TIMEOUT", httpx.Timeout(60))
        patch.setattr(calls, "PATIENCE", 60.0)
        yield


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database of this test's own, with all tables."""
    database = Database(databases.url(tmp_path) or databases.empty(tmp_path))
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """The real server with the real local provider."""
    with serving(tmp_path / "server") as running:
        yield running


@pytest.fixture
def ann(backend: Backend) -> Iterator[Person]:
    with signed_in(backend, "ann") as person:
        yield person


@pytest.fixture
def ben(backend: Backend) -> Iterator[Person]:
    with signed_in(backend, "ben") as person:
        yield person


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Backend]:
    """The real server before a fake provider: nothing is stored, nothing is transcoded."""
    with serving(tmp_path / "server", {"local": FakeProvider}) as running:
        yield running


@pytest.fixture
def provider(desk: Backend) -> FakeProvider:
    return cast("FakeProvider", desk.provider)


@pytest.fixture
def carol(desk: Backend) -> Iterator[Person]:
    """Signed in at the desk."""
    with signed_in(desk, "carol") as person:
        yield person


@pytest.fixture
def dave(desk: Backend) -> Iterator[Person]:
    """Signed in at the desk as well."""
    with signed_in(desk, "dave") as person:
        yield person
