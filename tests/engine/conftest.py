"""Tests of the engine run on asyncio: mark a module with `pytestmark = pytest.mark.anyio`."""

from collections.abc import Iterator

import pytest

from tests.engine.served import Stage, served


@pytest.fixture
def anyio_backend() -> str:
    """The loop that `pytest.mark.anyio` uses."""
    return "asyncio"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One server for a module: starting one takes longer than most tests."""
    stage = Stage()
    with served(stage) as port:
        stage.port = port
        yield stage
