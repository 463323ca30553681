"""One person, two computers: what one has scheduled the other one sees, moves and cancels."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.backend.server import make_tokens, serving, signed_in
from tests.flow.stage import PATIENCE, wait_for
from tests.media import clips
from uploader.backend import publishing
from uploader.backend.context import Backend
from uploader.backend.store.models import JobRow, PendingPost, Post, User, now
from uploader.engine.engine import Engine
from uploader.engine.facts import Fact
from uploader.engine.job import Draft, Status, Step
from uploader.engine.session import MemoryVault
from uploader.paths import Paths
from uploader.wire import PostChange

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


@dataclass
class Homes:
    """A server, and computers of one person."""

    backend: Backend
    user: User
    folder: Path
    facts: list[Fact] = field(default_factory=list)

    @asynccontextmanager
    async def home(self, name: str) -> AsyncIterator[Engine]:
        vault, url = MemoryVault(), self.backend.base_url
        vault.tokens[url] = make_tokens(self.backend.database, self.user)[1]
        paths = Paths.under(self.folder / name).make()
        async with Engine.open(paths=paths, server=url, vault=vault, emit=self.facts.append) as engine:
            yield engine

    def let_time_come(self) -> None:
        """Every post is due, and every job that was to publish one has had its turn."""
        due = now() - timedelta(minutes=1)
        with self.backend.database.write() as session:
            session.execute(update(PendingPost).values(publish_at=due))
            session.execute(update(JobRow).where(JobRow.kind == publishing.JOB).values(run_at=due))
        wait_for(lambda: not self._left(), what="the server to have looked at every post")

    def _left(self) -> bool:
        with self.backend.database.read() as session:
            undone = select(JobRow.id).where(JobRow.kind == publishing.JOB, JobRow.done_at.is_(None))
            return session.scalar(undone.limit(1)) is not None

    def published(self) -> list[str]:
        with self.backend.database.read() as session:
            return sorted(post.content or "" for post in session.scalars(select(Post)))


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Homes]:
    with serving(tmp_path / "server") as backend, signed_in(backend) as person:
        yield Homes(backend, person.user, tmp_path)


async def entrusted(engine: Engine) -> None:
    """Until the server holds the posts of all jobs and waits for nothing but their time."""
    async with asyncio.timeout(PATIENCE):
        while not all(job.entrusted and job.step is Step.POST for job in engine.queue.jobs):  # noqa: ASYNC110  (facts come on this loop, too)
            await asyncio.sleep(0.02)


async def test_what_one_computer_has_scheduled_another_one_cancels_and_the_server_never_publishes_it(
    homes: Homes, tmp_path: Path
):
    files = [clips.h264(tmp_path / f"{name}.mp4", seconds=1, size=(320, 180)) for name in ("Harbour", "Mistake")]
    for path in files:
        os.utime(path, (1_000_000_000, 1_000_000_000))  # nobody is writing it any more
    later = now() + timedelta(days=9)
    async with homes.home("studio") as studio:
        await studio.queue.add(files, Draft("As it was", approved=True, publish_at=later))
        await entrusted(studio)
    assert homes.published() == []

    async with homes.home("kitchen") as kitchen:
        held = {post.filename: post for post in await kitchen.posts.all()}
        assert {(name, post.waits_for) for name, post in held.items()} == {
            ("Harbour.mp4", "time"), ("Mistake.mp4", "time")
        }  # fmt: skip
        await kitchen.posts.change(held["Harbour.mp4"].id, PostChange(content="As it should be"))
        await kitchen.posts.cancel(held["Mistake.mp4"].id)
        assert [post.filename for post in await kitchen.posts.all()] == ["Harbour.mp4"]

    homes.let_time_come()
    assert homes.published() == ["As it should be"]

    async with homes.home("studio") as studio:
        await studio.queue.ended([job.id for job in studio.queue.jobs])
        harbour, mistake = studio.queue.jobs
        assert (harbour.status, harbour.draft.text) == (Status.FINISHED, "As it should be")
        assert (mistake.status, mistake.trouble and mistake.trouble.code) == (Status.FAILED, "post_gone")
    assert homes.published() == ["As it should be"]
