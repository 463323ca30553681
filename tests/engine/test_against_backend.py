"""The network half of the engine against the real backend: sign-in, tickets, the local provider's tus, posts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backend.server import serving
from tests.browser import Browser
from tests.media import clips
from tests.proxy import Proxy
from uploader.backend.accounts import passwords, users
from uploader.backend.context import Backend
from uploader.backend.store.models import now
from uploader.engine.client import Client
from uploader.engine.device import Invitation, sign_in_elsewhere
from uploader.engine.handover import offers
from uploader.engine.http import api_client, upload_client
from uploader.engine.rate import Pace
from uploader.engine.session import MemoryVault, Session
from uploader.engine.sign_in import sign_in
from uploader.engine.transfer import Watch, carry
from uploader.errors import (
    AlreadyPosted,
    Interrupted,
    PostGone,
    PostRefused,
    SignInFailed,
    SignInNeeded,
    TooLarge,
    VideoGone,
)
from uploader.protocols import PROTOCOLS
from uploader.wire import PostChange, PostRequest, PublishRequest, Ticket, UploadRequest

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with serving(tmp_path_factory.mktemp("backend") / "server") as backend:
        with backend.database.write() as session:
            users.create(session, "ada", "Ada", passwords.hashed("correct horse battery"), now())
        yield backend


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
async def session(backend: Backend, vault: MemoryVault) -> AsyncIterator[Session]:
    """Somebody who has just signed in with a browser."""
    async with api_client(backend.base_url) as http:
        session = Session(backend.base_url, vault, http)
        with at_the_screen() as visit:
            await session.begin(await sign_in(backend.base_url, http, visit))
        yield session
        await session.aclose()


@pytest.fixture
async def client(backend: Backend, session: Session) -> AsyncIterator[Client]:
    async with api_client(backend.base_url) as http:
        yield Client(http, session)


@contextmanager
def at_the_screen(password: str = "correct horse battery") -> Iterator[Callable[[str], None]]:
    """Ada, who types her name and this password wherever she is sent."""
    browser = Browser("ada", password)
    with ThreadPoolExecutor(1) as pool:
        yield lambda url: void(pool.submit(browser.open, url))
    browser.http.close()


def void(_: object) -> None:
    """Nothing."""


def asked(path: Path) -> UploadRequest:
    return UploadRequest(filename=path.name, file_size=path.stat().st_size, mime_type="video/mp4")


async def upload(ticket: Ticket, path: Path, *, through: Proxy | None = None) -> list[int]:
    """The offsets the server acknowledged."""
    points: list[int] = []
    if through is not None:
        address = ticket.upload_url.replace(f":{through.target[1]}/", f":{through.port}/")
        ticket = ticket.model_copy(update={"upload_url": address})
    async with upload_client() as http:
        await carry(
            http,
            path,
            PROTOCOLS[ticket.protocol](ticket, path.stat().st_size, {}, lambda: ticket.chunk.default),
            on_sent=lambda _: None,
            on_checkpoint=lambda point: points.append(point.offset),
            check_file=lambda: None,
            watch=Watch(Pace()),
        )
    return points


async def test_from_sign_in_to_a_post_with_a_cut_on_the_way(backend: Backend, client: Client, tmp_path: Path):
    video = clips.heavy(tmp_path / "Å b #1.mp4", mebibytes=3)
    assert (await client.config()).product == "reelferry"
    assert (await client.me()).username == "ada"
    ticket = await client.ticket(asked(video), key="job.1")
    again = await client.ticket(asked(video), key="job.1")
    assert (again.video_id, again.upload_url) == (ticket.video_id, ticket.upload_url)

    kept = backend.config.data / "uploads" / ticket.upload_url.rpartition("/")[2]
    with Proxy(backend.config.port or int(backend.base_url.rpartition(":")[2])) as proxy:
        proxy.cut(up=1_500_000)
        with pytest.raises(Interrupted):
            await upload(ticket, video, through=proxy)
        async with asyncio.timeout(60):
            while not (kept.exists() and kept.stat().st_size):  # noqa: ASYNC110  (the server writes it, in its own time)
                await asyncio.sleep(0.005)
        points = await upload(ticket, video, through=proxy)
    assert 0 < points[0] < video.stat().st_size, "it went on from what had arrived"
    assert points[-1] == video.stat().st_size
    assert await upload(ticket, video) == [video.stat().st_size], "and the server has it all"
    assert kept.read_bytes() == video.read_bytes()

    async with asyncio.timeout(60):
        while (said := await client.status(ticket.video_id)).status != "ready":
            assert said.status in {"uploading", "processing"}, said
            await asyncio.sleep(0.05)
    request = PostRequest(content="Harbour at dawn", video_id=ticket.video_id, type="video")
    post = await client.post(request, key="job.post")
    assert (await client.post(request, key="job.post")).id == post.id


async def test_a_deleted_video_is_gone_and_deleting_it_again_is_no_error(client: Client, tmp_path: Path):
    video = clips.h264(tmp_path / "a.mp4")
    ticket = await client.ticket(asked(video), key="deleted.1")
    await client.delete(ticket.video_id)
    await client.delete(ticket.video_id)
    await client.delete("never-there")
    with pytest.raises(VideoGone):
        await client.post(PostRequest(content="x", video_id=ticket.video_id, type="video"), key="p")


async def test_a_post_that_the_server_publishes_can_be_read_changed_and_cancelled_until_it_is_out(client: Client):
    assert offers(await client.config())
    later = PublishRequest(content="Hello", publish="when_ready", publish_at=now() + timedelta(days=1))
    post = await client.hand_over(later, key="handover.1")
    assert await client.hand_over(later, key="handover.1") == post
    assert (post.state, post.waits_for) == ("waiting", "time")
    changed = await client.change_post(post.id, PostChange(content="Hello there", publish="draft"))
    assert (changed.state, changed.content, changed.publish_at) == ("draft", "Hello there", post.publish_at)
    with pytest.raises(PostRefused):
        await client.change_post(post.id, PostChange(community_id="never-there"))
    assert await client.own_post(post.id) == changed
    await client.cancel_post(post.id)
    with pytest.raises(PostGone):
        await client.change_post(post.id, PostChange(publish="when_ready"))
    with pytest.raises(PostGone):
        await client.own_post("never-there")

    out = await client.hand_over(PublishRequest(content="Now", publish="when_ready"), key="handover.2")
    assert out.state == "published"
    assert out.post is not None
    for late in (client.change_post(out.id, PostChange(publish_at=None)), client.cancel_post(out.id)):
        with pytest.raises(AlreadyPosted):
            await late


async def test_what_is_taken_away_is_told_and_not_left_out(client: Client):
    later = PublishRequest(content="x", publish="draft", publish_at=now() + timedelta(days=1), community_id="general")
    post = await client.hand_over(later, key="handover.3")
    changed = await client.change_post(post.id, PostChange(publish_at=None, community_id=None))
    assert (changed.publish_at, changed.community_id, changed.content) == (None, None, "x")


async def test_refusals_of_the_real_server_have_our_words(client: Client):
    too_large = UploadRequest(filename="a.mp4", file_size=10**13, mime_type="video/mp4")
    with pytest.raises(TooLarge):
        await client.ticket(too_large, key="refused.1")
    with pytest.raises(VideoGone):
        await client.status("never-there")
    with pytest.raises(PostRefused):
        await client.post(PostRequest(content="  "), key="p1")
    with pytest.raises(PostRefused):
        await client.post(PostRequest(content="x", community_id="never-there"), key="p2")


async def test_a_rejected_token_is_replaced_and_the_pair_rotates(
    backend: Backend, client: Client, session: Session, vault: MemoryVault
):
    before = vault.tokens[backend.base_url]
    access = await session.access()
    assert await session.access(rejected=access) != access
    assert vault.tokens[backend.base_url] != before
    assert (await client.me()).username == "ada"


async def test_signed_out_means_signed_out(backend: Backend, client: Client, session: Session, vault: MemoryVault):
    refresh = vault.tokens[backend.base_url]
    await session.end()
    assert not vault.tokens
    with pytest.raises(SignInNeeded):
        await client.me()
    vault.tokens[backend.base_url] = refresh  # a thief's copy
    with pytest.raises(SignInNeeded):
        await client.me()


async def test_a_wrong_password_signs_nobody_in(backend: Backend):
    async with api_client(backend.base_url) as http:
        with at_the_screen("wrong") as visit, pytest.raises(SignInFailed, match="nobody came back"):
            await sign_in(backend.base_url, http, visit, patience=1)


async def test_a_piece_that_arrives_damaged_is_thrown_away_and_sent_again(
    backend: Backend, client: Client, tmp_path: Path
):
    video = clips.heavy(tmp_path / "spoilt.mp4", mebibytes=3)
    ticket = await client.ticket(asked(video), key="job.spoilt")
    chunk = ticket.chunk.model_copy(update={"default": 1 << 20, "checksum": "sha1"})
    with Proxy(backend.config.port or int(backend.base_url.rpartition(":")[2])) as proxy:
        proxy.spoil(up=1_500_000)
        points = await upload(ticket.model_copy(update={"chunk": chunk}), video, through=proxy)
        assert proxy.bodies["PATCH"] == video.stat().st_size + (1 << 20), "one piece went out twice"
    assert points.count(1 << 20) == 2
    assert (backend.config.data / "uploads" / ticket.upload_url.rpartition("/")[2]).read_bytes() == video.read_bytes()


async def test_somebody_signs_in_at_another_computer(backend: Backend, vault: MemoryVault):
    visited = asyncio.Event()
    async with api_client(backend.base_url) as http:
        with at_the_screen() as visit:

            def show(invitation: Invitation) -> None:
                visit(invitation.complete or "")
                visited.set()

            async def until_answered(_: float) -> None:
                await visited.wait()
                await asyncio.sleep(0.05)

            async with asyncio.timeout(60):
                tokens = await sign_in_elsewhere(backend.base_url, http, show, nap=until_answered)
        session = Session(backend.base_url, vault, http)
        await session.begin(tokens)
        assert (await Client(http, session).me()).username == "ada"


async def test_signing_out_everywhere_ends_every_other_computers_sign_in(backend: Backend, client: Client):
    other_vault = MemoryVault()
    async with api_client(backend.base_url) as http:
        other = Session(backend.base_url, other_vault, http)
        with at_the_screen() as visit:
            await other.begin(await sign_in(backend.base_url, http, visit))
        await client.me()
        await Client(http, other).sign_out_everywhere()
        for of_whom in (client, Client(http, other)):
            with pytest.raises(SignInNeeded):
                await of_whom.me()
    assert other_vault.tokens == {}
