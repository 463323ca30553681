"""Fixtures of all backend tests: a running server, and Ann and Ben signed in to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Person, serving, signed_in
from uploader.backend.context import Backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
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
