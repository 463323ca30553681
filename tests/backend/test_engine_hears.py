"""The engine's stream against the real server, on PostgreSQL also where another server learns what happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from tests.backend.asking import new_video, ready_event, tell
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, serving
from uploader.backend.context import Backend
from uploader.engine.client import Client
from uploader.engine.clock import Clock
from uploader.engine.http import api_client
from uploader.engine.news import News
from uploader.engine.session import Session

PATIENCE = 60


class Signed:
    """A session that has a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def access(self, rejected: str | None = None) -> str:
        return self._token


@pytest.fixture
async def client(desk: Backend, carol: Person) -> AsyncIterator[Client]:
    async with api_client(desk.base_url) as http:
        yield Client(http, cast("Session", Signed(carol.token)))


@pytest.mark.anyio
async def test_ready_is_heard_whichever_server_is_told(desk: Backend, carol: Person, client: Client, tmp_path: Path):
    video_id = new_video(carol)
    desk.streams.heartbeat = 3600
    with ExitStack() as stack:
        told = desk
        if desk.database.dialect == "postgresql":
            there = serving(desk.config.data, {"local": FakeProvider})
            told = await asyncio.to_thread(stack.enter_context, there)
        with News(client.events, lambda: True).about(video_id, Clock()) as ear:
            async with asyncio.timeout(PATIENCE):
                first = await ear.hear(PATIENCE)
                assert first is not None
                assert first.status == "uploading"
                assert ear.live
                await asyncio.to_thread(tell, told, ready_event(video_id))
                said = await ear.hear(PATIENCE)
        assert said == await client.status(video_id)
        assert said is not None
        assert said.status == "ready"
        await asyncio.to_thread(stack.close)
