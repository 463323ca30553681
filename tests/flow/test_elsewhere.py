"""From drop to post at Cloudflare and at Mux: the real engine, the real backend, webhooks that come as they like."""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.backend.providers.contract import SECRET
from tests.backend.providers.elsewhere import ENVIRON, Elsewhere, finish, makers
from tests.backend.server import make_tokens, serving, signed_in
from tests.fakes.cloudflare_api import FakeCloudflare
from tests.fakes.mux_api import FakeMux, signed
from tests.media import clips
from uploader.backend.store.models import Post, Video
from uploader.engine.engine import Engine
from uploader.engine.facts import Fact
from uploader.engine.job import Draft, Status
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

MISSING, LATE, SHUFFLED = "webhook missing.mp4", "webhook late.mp4", "webhooks doubled and shuffled.mp4"


@dataclass
class Encoder:
    """What the provider does once all bytes of a video are there; the file's name says how the news of it travels."""

    place: Elsewhere
    done: set[str] = field(default_factory=set)

    def step(self) -> None:
        """Everything that can be done now."""
        with self.place.backend.database.read() as session:
            videos = list(session.scalars(select(Video).where(Video.provider_upload_id.is_not(None))))
        for video in videos:
            upload_id = str(video.provider_upload_id)
            if video.id in self.done or not self._arrived(upload_id):
                continue
            if video.filename == LATE and video.status != "processing":
                continue  # only when the backend has found out by itself that the bytes are there
            self.done.add(video.id)
            early = self._events(upload_id, "video.upload.asset_created", "video.asset.created")
            finish(self.place, upload_id)
            news = [*early, *self._events(upload_id, "video.asset.ready")]
            if video.filename == MISSING:
                self.place.let_time_pass()  # else the next look would be ten seconds away
                continue
            if video.filename == SHUFFLED:
                news *= 2
                random.shuffle(news)
            for headers, body in news:
                assert self.place.hear(headers, body).is_success

    def _arrived(self, upload_id: str) -> bool:
        if upload_id in self.place.mux.uploads:
            return self.place.mux.uploads[upload_id].status == "asset_created"
        return self.place.cloudflare.videos[upload_id].state != "pendingupload"

    def _events(self, upload_id: str, *kinds: str) -> list[tuple[dict[str, str], bytes]]:
        """Mux says each step; Cloudflare only what its state is now."""
        if upload_id in self.place.mux.uploads:
            return [signed(self.place.mux.event(kind, upload_id), SECRET) for kind in kinds]
        return [self.place.cloudflare.news(upload_id, SECRET)]


@pytest.fixture(params=["cloudflare", "mux"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Elsewhere]:
    with ExitStack() as stack:
        cloudflare = stack.enter_context(FakeCloudflare().running())
        mux = stack.enter_context(FakeMux().running())
        there = makers(cloudflare, mux)
        backend = stack.enter_context(serving(tmp_path / "server", there, VIDEO_PROVIDER=request.param, **ENVIRON))
        yield Elsewhere(backend, stack.enter_context(signed_in(backend)), cloudflare, mux)


async def test_dropped_videos_become_posts_that_play_however_the_webhooks_come(place: Elsewhere, tmp_path: Path):
    files = [clips.h264(tmp_path / name) for name in (MISSING, LATE, SHUFFLED)]
    for path in files:
        os.utime(path, (1_000_000_000, 1_000_000_000))  # nobody is writing it any more
    vault, facts, encoder = MemoryVault(), list[Fact](), Encoder(place)
    vault.tokens[place.backend.base_url] = make_tokens(place.backend.database, place.person.user)[1]
    paths = Paths.under(tmp_path / "desktop").make()
    async with Engine.open(paths=paths, server=place.backend.base_url, vault=vault, emit=facts.append) as engine:
        jobs, refusals = await engine.queue.add(files, Draft("Hello", approved=True))
        assert refusals == []
        ended = asyncio.create_task(engine.queue.ended([job.id for job in jobs]))
        async with asyncio.timeout(240):
            while not ended.done():
                await asyncio.to_thread(encoder.step)
                await asyncio.wait([ended], timeout=0.05)
        assert {job.status for job in engine.queue.jobs} == {Status.FINISHED}, engine.queue.jobs

    with place.backend.database.read() as session:
        rows = session.execute(select(Video, Post).join(Post, Post.video_id == Video.id)).all()
    assert sorted(video.filename for video, _ in rows) == sorted(path.name for path in files)
    for video, _post in rows:
        assert video.status == "ready"
        assert place.received(str(video.provider_upload_id)) == (tmp_path / video.filename).read_bytes()
    shown = await asyncio.to_thread(place.person.api.get, "/api/posts")
    assert [post["media"]["url"].endswith(".m3u8") for post in shown.json()["posts"]] == [True] * 3
