"""What several tests of the engine share."""

from collections.abc import Iterator

import pytest

from tests.engine.served import Stage, serving


@pytest.fixture(scope="module")
def lasting_stage() -> Iterator[Stage]:
    """One server for a module: starting one takes longer than most tests."""
    stage = Stage()
    with serving(stage) as stage.served:
        yield stage


@pytest.fixture
def stage(lasting_stage: Stage) -> Iterator[Stage]:
    """That server. What one test asked for does not arrive at the next one's app."""
    yield lasting_stage
    assert lasting_stage.served is not None
    lasting_stage.served.settle()
