"""From a dropped file to the server through somebody else's proxy, which refuses, dies and comes back."""

import os
from pathlib import Path

import pytest

from tests.engine.backend import MemoryMedia
from tests.engine.certificates import certificates
from tests.fakes.tls_front import TlsFront
from tests.flow.stage import UNDER_WAY, free_port, sha256
from tests.flow.test_faults_tls import SIZE, kept, refresh_token, until
from tests.media import clips
from tests.proxies import ELSEWHERE, PASSWORD, ForeignProxy
from tests.proxy import Proxy
from uploader.backend.config import Config
from uploader.backend.server import running
from uploader.backend.store.models import Video
from uploader.engine.clock import Clock
from uploader.engine.engine import Engine
from uploader.engine.facts import AccountState, Fact, Network
from uploader.engine.job import Draft, Job, Step
from uploader.engine.session import MemoryVault
from uploader.engine.way_out import Way, safe_name
from uploader.errors import Interrupted, ProxyRefused, ProxyUnreachable, ReelferryError
from uploader.paths import Paths

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
NEXT_TRY = 300.0
"""Seconds until something is tried again by itself: only what the test does ends a wait."""


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_file_arrives_through_a_proxy_that_first_refuses_and_then_dies(kind: str, tmp_path: Path) -> None:
    clip = clips.heavy(tmp_path / "film.mp4", mebibytes=SIZE >> 20)
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    port, vault, facts = free_port(), MemoryVault(), list[Fact]()
    authority, certificate, key = certificates(tmp_path, ELSEWHERE)
    with ForeignProxy(kind, tmp_path) as foreign, Proxy(port) as line, TlsFront(line.port) as front:
        front.show(certificate, key)
        url, way = f"https://{ELSEWHERE}:{front.port}", Way(foreign.address, authority)
        environ = {"NEXT_PUBLIC_APP_URL": url, "WEBHOOK_URL": f"{line.url}/api/webhooks/video-processing"}
        with running(Config.load(environ, tmp_path / "server", port=port)) as backend:
            vault.tokens[url] = refresh_token(backend)
            vault.tokens[safe_name(foreign.address)] = "a guess"
            async with Engine.open(
                paths=Paths.under(tmp_path / "client"),
                server=url,
                vault=vault,
                emit=facts.append,
                way=way,
                clock=Clock(random=lambda: NEXT_TRY),
                look=MemoryMedia(),
            ) as engine:

                def job() -> Job:
                    return engine.queue.jobs[0]

                async def in_trouble(kind: type[ReelferryError]) -> None:
                    await until(lambda: (why := job().trouble) is not None and why.code == kind.code)
                    assert job().trouble is not None
                    assert (job().trouble.title, job().trouble.hint) == (kind.title, kind.hint)  # type: ignore[union-attr]  # just looked

                await engine.queue.add([clip], Draft())
                await in_trouble(ProxyRefused)
                assert job().trouble.retry_at is None, "a wrong password is not tried again by itself"  # type: ignore[union-attr]  # just looked
                assert engine.account.fact.state is AccountState.SIGNED_IN
                assert line.connections == 0

                line.hold(up=SIZE // 2)
                await vault.save(safe_name(foreign.address), PASSWORD)
                engine.connect_by(way)
                await until(lambda: line.bodies["PATCH"] > 0 and not line.flowing)
                await until(lambda: kept(tmp_path / "server") >= line.bodies["PATCH"] - UNDER_WAY)
                foreign.kill()
                await in_trouble(Interrupted)
                line.reset()  # what is still on its way behind the proxy is lost, however much it is
                line.flow()
                engine.queue.retry(job().id)
                await in_trouble(ProxyUnreachable)
                assert Network(online=False, rate=0.0) in facts
                foreign.start()
                engine.queue.retry(job().id)
                await until(lambda: job().step is not Step.TRANSFER)
            with backend.database.read() as session:
                (video,) = session.query(Video).all()
                assert video.provider_upload_id is not None
            assert sha256(tmp_path / "server" / "uploads" / video.provider_upload_id) == sha256(clip)
    again = line.bodies["PATCH"] - SIZE
    print(f"{f'the {kind} proxy dies':<36} sent twice: {again:>9,} bytes")  # noqa: T201
    assert again <= UNDER_WAY
