"""Fixtures of the local provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.backend.local.stage import Stage, Wire, served


class Switch:
    """One server for all tests, each with an application of its own: starting and stopping would take longest."""

    app: ASGIApp
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def switch() -> Iterator[Switch]:
    switch = Switch()
    with served(switch) as switch.url:
        yield switch


@pytest.fixture
def stage(tmp_path: Path, switch: Switch) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    switch.app, stage.url = stage.app, switch.url
    yield stage
    stage.database.close()


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    with Wire(stage.url) as wire:
        yield wire
