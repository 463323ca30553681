"""Fixtures of the local provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.local.stage import Stage, Wire, served


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    with served(stage.app) as stage.url:
        yield stage
    stage.database.close()


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    wire = Wire(stage.url)
    yield wire
    wire.http.close()
