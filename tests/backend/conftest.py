"""Fixtures of all backend tests: a running server, one whose provider is a fake, and people signed in."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, serving, signed_in
from uploader.backend.context import Backend


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
