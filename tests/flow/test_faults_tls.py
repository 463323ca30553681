"""Somebody sits in the line with a certificate of their own: nothing is sent until the right one is back."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backend.server import make_user
from tests.engine.backend import MemoryMedia
from tests.engine.certificates import certificates
from tests.fakes.tls_front import TlsFront
from tests.flow.stage import PATIENCE, UNDER_WAY, free_port, sha256
from tests.media import clips
from tests.proxy import Proxy
from uploader.backend.accounts import tokens
from uploader.backend.config import Config
from uploader.backend.context import Backend
from uploader.backend.server import running
from uploader.backend.store.models import Video, now
from uploader.backend.store.sign_in_models import OAuthToken
from uploader.engine.clock import Clock
from uploader.engine.engine import Engine
from uploader.engine.job import Draft, Step, Trouble
from uploader.engine.queue import Queue
from uploader.engine.session import MemoryVault
from uploader.errors import Interrupted, ReelferryError, Untrusted
from uploader.paths import Paths

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
SIZE = 3 << 20


def refresh_token(backend: Backend) -> str:
    """What a sign-in would have left in the vault."""
    refresh, later = tokens.new_secret(tokens.REFRESH_PREFIX), now() + timedelta(hours=1)
    user = make_user(backend.database)
    with backend.database.write() as session:
        session.add(
            OAuthToken(
                access_hash=tokens.digest(tokens.new_secret(tokens.ACCESS_PREFIX)),
                refresh_hash=tokens.digest(refresh),
                family=tokens.new_family(),
                client_id="reelferry-desktop",
                user_id=user.id,
                scope="upload",
                access_expires_at=later,
                refresh_expires_at=later,
            )
        )
    return refresh


def kept(server: Path) -> int:
    """How many bytes of files are on a server's disk."""
    return sum(file.stat().st_size for file in (server / "uploads").iterdir())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (several facts in one, some from another thread)
            await asyncio.sleep(0.005)


async def in_trouble(queue: Queue, kind: type[ReelferryError]) -> Trouble:
    await until(lambda: (trouble := queue.jobs[0].trouble) is not None and trouble.code == kind.code)
    trouble = queue.jobs[0].trouble
    assert trouble is not None
    return trouble


async def test_an_unknown_authority_ends_the_talk_until_the_right_certificate_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = certificates(tmp_path / "ours"), certificates(tmp_path / "theirs")
    monkeypatch.setenv("SSL_CERT_FILE", str(ours[0]))
    clip = clips.heavy(tmp_path / "film.mp4", mebibytes=SIZE >> 20)
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    port = free_port()
    with Proxy(port) as proxy, TlsFront(proxy.port) as front:
        front.show(*ours[1:])
        environ = {"NEXT_PUBLIC_APP_URL": front.url, "WEBHOOK_URL": f"{proxy.url}/api/webhooks/video-processing"}
        with running(Config.load(environ, tmp_path / "server", port=port)) as backend:
            vault = MemoryVault()
            vault.tokens[front.url] = refresh_token(backend)
            async with Engine.open(
                paths=Paths.under(tmp_path / "client"),
                server=front.url,
                vault=vault,
                emit=lambda _: None,
                clock=Clock(random=lambda: 300.0),
                look=MemoryMedia(),
            ) as engine:
                queue = engine.queue
                proxy.hold(up=SIZE // 2)
                await queue.add([clip], Draft())
                await until(lambda: proxy.bodies["PATCH"] > 0 and not proxy.flowing)
                await until(lambda: kept(tmp_path / "server") >= proxy.bodies["PATCH"] - UNDER_WAY)
                front.show(*theirs[1:])
                proxy.reset()
                proxy.flow()
                sent = proxy.bodies["PATCH"]
                await in_trouble(queue, Interrupted)
                queue.retry(queue.jobs[0].id)
                trouble = await in_trouble(queue, Untrusted)
                assert (trouble.title, trouble.hint) == (Untrusted.title, Untrusted.hint)
                assert trouble.retry_at is not None
                assert proxy.bodies["PATCH"] == sent, "nothing was sent"
                front.show(*ours[1:])
                queue.retry(queue.jobs[0].id)
                await until(lambda: queue.jobs[0].step is not Step.TRANSFER)
            with backend.database.read() as session:
                (video,) = session.query(Video).all()
                assert video.provider_upload_id is not None
            original = tmp_path / "server" / "uploads" / video.provider_upload_id
            assert sha256(original) == sha256(clip)
            again = proxy.bodies["PATCH"] - SIZE
            print(f"{'unknown authority':<36} sent twice: {again:>9,} bytes")  # noqa: T201
            assert again <= UNDER_WAY
