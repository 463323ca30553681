"""Fixtures of the local provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.backend.local.carry import carry, ended
from tests.backend.local.stage import Stage, Wire, served
from tests.backend.server import Person, serving, signed_in
from tests.media import clips
from uploader.backend.context import Backend


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


@pytest.fixture(scope="module")
def cinema(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One real server for all tests of a module that leave it as it was."""
    with serving(tmp_path_factory.mktemp("cinema") / "server") as backend:
        yield backend


@pytest.fixture(scope="module")
def guest(cinema: Backend) -> Iterator[Person]:
    """Signed in there."""
    with signed_in(cinema, "guest") as person:
        yield person


@pytest.fixture(scope="module")
def shown(guest: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a video that plays there."""
    clip = clips.h264(tmp_path_factory.mktemp("shown") / "Häfen & Möwen.mp4", seconds=4)
    video_id = carry(guest, clip)
    assert ended(guest, video_id)["status"] == "ready"
    return video_id
