"""What several tests of the engine share."""

from collections.abc import Iterator

import pytest

from tests.engine.served import Stage, served


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One server for a module: starting one takes longer than most tests."""
    stage = Stage()
    with served(stage) as port:
        stage.port = port
        yield stage
