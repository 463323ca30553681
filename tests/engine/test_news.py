"""A job that waits for its video hears of it from the event stream, and where there is none it asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.desktop.jobs import a_job
from tests.engine.backend import MemoryMedia
from tests.engine.served import Stage
from uploader.engine.client import Client
from uploader.engine.clock import Clock
from uploader.engine.http import api_client
from uploader.engine.job import Job
from uploader.engine.news import News
from uploader.engine.process import process
from uploader.engine.session import Session
from uploader.engine.work import Work
from uploader.wire import ChunkRules, Ticket, VideoStatus

pytestmark = pytest.mark.anyio

PATIENCE = 60
OPEN = b"event: open\ndata: {}\n\n"


async def never(_seconds: float) -> None:
    await asyncio.Event().wait()


async def soon(_seconds: float) -> None:
    await asyncio.sleep(0.01)


class Signed:
    """A session that has a token."""

    async def access(self, rejected: str | None = None) -> str:
        return "new" if rejected else "old"


class Host:
    """Says `states` one after the other to whoever asks, the last for ever; `stream` answers for events."""

    def __init__(self) -> None:
        self.states = ["processing"]
        self.asked = 0
        self.streams = 0
        self.tokens: list[str] = []
        self.stream: Callable[[], Response] = lambda: PlainTextResponse("", 404)
        routes = [Route("/api/videos/v/status", self._status), Route("/api/videos/events", self._events)]
        self.app = Starlette(routes=routes)

    def body(self, state: str) -> str:
        return VideoStatus(video_id="v", status=state, provider="x", watch_url="https://w").model_dump_json(
            by_alias=True
        )

    async def _status(self, _request: Request) -> Response:
        self.asked += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Response(self.body(state), media_type="application/json")

    async def _events(self, request: Request) -> Response:
        self.streams += 1
        self.tokens.append(request.headers["authorization"])
        return self.stream()


@pytest.fixture
def host(stage: Stage) -> Host:
    host = Host()
    stage.app = host.app
    return host


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[Client]:
    async with api_client(f"http://127.0.0.1:{stage.port}") as http:
        yield Client(http, cast("Session", Signed()))


def work(client: Client, clock: Clock, learnt: list[Job]) -> Work:
    ticket = Ticket(
        video_id="v", upload_url="http://x", provider="x", expires_at=datetime(2000, 1, 1, tzinfo=UTC), protocol="tus",
        chunk=ChunkRules(default=1), max_bytes=1,
    )  # fmt: skip
    learnt.append(a_job(ticket=ticket))

    async def kept() -> None:
        """Everything is."""

    return Work(
        read=lambda: learnt[-1],
        learn=lambda **facts: learnt.append(replace(learnt[-1], **facts)),
        tell=lambda **_facts: None,
        kept=kept,
        check=lambda: None,
        limits=lambda: None,
        backend=client,
        http=cast("httpx.AsyncClient", None),
        media=MemoryMedia(),
        thumbnails=Path(),
        clock=clock,
        news=News(client.events, lambda: True, clock),
    )


def streaming(*parts: bytes | Callable[[], bool]) -> Response:
    """Says the parts one after the other; a condition is waited for, and after the last part it ends."""

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
            else:
                while not part():  # noqa: ASYNC110  (what it waits for is another loop's)
                    await asyncio.sleep(0.005)

    return StreamingResponse(body(), media_type="text/event-stream")


async def waited(client: Client, wait: Callable[[float], Awaitable[None]], times: int = 1) -> list[Job]:
    """So many jobs wait for the video at once, on one engine's news; what the first of them learnt."""
    learnt: list[Job] = []
    first = work(client, Clock(wait=wait), learnt)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for _ in range(times):
            group.create_task(process(first))
    return learnt


async def test_ready_is_heard_on_one_stream_by_all_who_wait_and_nobody_asks_again(host: Host, client: Client):
    ready = f"event: video\ndata: {host.body('ready')}\n\n".encode()
    host.stream = lambda: streaming(OPEN, lambda: host.asked == 3, ready, lambda: False)
    learnt = await waited(client, never, times=3)
    assert learnt[-1].watch_url == "https://w"
    assert (host.asked, host.streams) == (3, 1)


async def test_who_relied_on_a_stream_that_ends_asks_at_once(host: Host, client: Client):
    host.states = ["processing", "ready"]
    host.stream = lambda: streaming(OPEN, lambda: host.asked == 1)
    await waited(client, never)
    assert host.asked == 2


async def test_a_stream_that_has_ended_is_opened_again(host: Host, client: Client):
    ready = f"event: video\ndata: {host.body('ready')}\n\n".encode()
    host.stream = lambda: streaming(OPEN) if host.streams < 3 else streaming(OPEN, ready, lambda: False)
    await waited(client, soon)
    assert host.streams == 3


@pytest.mark.parametrize(
    "broken",
    [
        lambda: PlainTextResponse("", 404),
        lambda: JSONResponse({"error": "x", "code": "rate_limited"}, 429),
        lambda: Response("<html>", media_type="text/html"),
        lambda: Response("{}", media_type="application/json"),
        lambda: streaming(lambda: False),
        lambda: streaming(OPEN, b"event: video\ndata: nonsense\n\n"),
    ],
    ids=["absent", "refused", "page", "json", "held back by a proxy", "nonsense"],
)
async def test_where_the_stream_cannot_be_had_the_status_is_asked_for(
    host: Host, client: Client, broken: Callable[[], Response]
):
    host.states = ["processing"] * 3 + ["ready"]
    host.stream = broken
    await waited(client, soon)
    assert host.asked == 4


async def test_a_token_that_is_no_longer_taken_is_replaced_once(host: Host, client: Client):
    ready = f"event: video\ndata: {host.body('ready')}\n\n".encode()
    refusal = JSONResponse({"error": "Unauthorized", "code": "unauthorized"}, 401)
    host.stream = lambda: refusal if host.streams == 1 else streaming(OPEN, ready, lambda: False)
    await waited(client, never)
    assert host.tokens == ["Bearer old", "Bearer new"]
