"""The stand as a fixture: one server a module, the next quarter of an hour for each test; or a new one."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.accounts.stand import Proof, Stand, client, standing


@pytest.fixture(scope="module")
def _server(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("stand") / "server") as ready:
        yield ready


@pytest.fixture
def stand(_server: Stand) -> Iterator[Stand]:
    """Ada has an account; no limit is used up. Leave her account alone."""
    _server.clock.begin_quarter()
    with client(_server.backend.base_url) as browser:
        yield dataclasses.replace(_server, browser=browser, proof=Proof())


@pytest.fixture
def new_stand(tmp_path: Path) -> Iterator[Stand]:
    """A server of this test's own."""
    with standing(tmp_path / "server") as ready:
        yield ready
