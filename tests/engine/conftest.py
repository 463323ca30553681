"""What several tests of the engine share."""

from collections.abc import Iterator

import pytest

from tests.engine.served import Stage, serving


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One server for a module: starting one takes longer than most tests."""
    stage = Stage()
    with serving(stage) as stage.served:
        yield stage
