"""Tests of the engine run on asyncio: mark a module with `pytestmark = pytest.mark.anyio`."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The loop that `pytest.mark.anyio` uses."""
    return "asyncio"
