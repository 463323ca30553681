"""The transfer as a step of a job: what it learns, what it only tells, and which protocols it knows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.engine.backend import MemoryBackend, MemoryMedia
from tests.engine.served import Stage
from tests.engine.upload_host import UploadHost
from uploader.engine.clock import Clock
from uploader.engine.http import upload_client
from uploader.engine.job import Job
from uploader.engine.transfer import Watch, carry, transfer
from uploader.engine.work import Work
from uploader.errors import Refused
from uploader.protocols import Checkpoint, Request, Span, Steps
from uploader.wire import ChunkRules, Ticket

pytestmark = pytest.mark.anyio

SIZE = 700_000


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(range(250)) * (SIZE // 250))
    return path


class Run:
    """One job at the step of transfer."""

    def __init__(self, path: Path, ticket: Ticket) -> None:
        self.job = Job("j1", path, SIZE, "a", datetime.now(UTC), ticket=ticket)
        self.learnt: list[dict[str, object]] = []

    def learn(self, **facts: object) -> None:
        self.learnt.append(facts)
        self.tell(**facts)

    def tell(self, **facts: object) -> None:
        self.job = replace(self.job, **facts)  # type: ignore[arg-type]  # the names are the fields'


@pytest.fixture
def run(video: Path, stage: Stage) -> Run:
    ticket = Ticket(
        video_id="v1",
        upload_url=f"http://127.0.0.1:{stage.port}/files/1",
        provider="local",
        expires_at=datetime(2000, 1, 1, tzinfo=UTC),  # by the server's clock; ours has no say
        protocol="tus",
        chunk=ChunkRules(default=SIZE // 2),
        max_bytes=SIZE,
    )
    return Run(video, ticket)


@pytest.fixture
async def work(run: Run, tmp_path: Path) -> AsyncIterator[Work]:
    async def kept() -> None:
        """Everything is."""

    async with upload_client() as http:
        yield Work(
            read=lambda: run.job,
            learn=run.learn,
            tell=run.tell,
            kept=kept,
            check=lambda: None,
            limits=lambda: None,
            backend=MemoryBackend(),
            http=http,
            media=MemoryMedia(),
            thumbnails=tmp_path,
            clock=Clock(monotonic=lambda: 0.0),  # however slow the machine is, chunks stay as long as they are
        )


async def test_what_the_host_confirmed_is_learnt(run: Run, work: Work, stage: Stage, video: Path):
    stage.app = host = UploadHost(SIZE)
    await transfer(work)
    assert bytes(host.held) == video.read_bytes()
    assert [facts["confirmed"] for facts in run.learnt] == [0, SIZE // 2, SIZE]
    assert (run.job.sent, run.job.confirmed) == (SIZE, SIZE)


async def test_a_protocol_of_a_later_time_asks_for_a_later_version(run: Run, work: Work):
    assert run.job.ticket is not None
    run.tell(ticket=run.job.ticket.model_copy(update={"protocol": "pigeon"}))
    with pytest.raises(Refused) as caught:
        await transfer(work)
    assert caught.value.hint.startswith("Update Reelferry")


async def test_bytes_around_the_file_go_out_in_order(stage: Stage, video: Path):
    bodies: list[tuple[str, bytes]] = []

    async def form(scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope, receive)
        bodies.append((asked.headers["content-length"], await asked.body()))
        await PlainTextResponse("thanks")(scope, receive, send)

    def steps() -> Steps:
        reply = yield Request("POST", f"http://127.0.0.1:{stage.port}/", {}, (b"before", Span(10, 600_000), b"after"))
        assert (reply.status, reply.text) == (200, "thanks")
        yield Checkpoint(SIZE)

    stage.app = form
    async with upload_client() as http:
        await carry(
            http,
            video,
            steps(),
            on_sent=lambda _: None,
            on_checkpoint=lambda _: None,
            check_file=lambda: None,
            watch=Watch(),
        )
    assert bodies == [("600011", b"before" + video.read_bytes()[10:600_010] + b"after")]
