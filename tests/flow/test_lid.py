"""The lid closes after the last byte: Cloudflare or Mux makes the videos, the server publishes, nobody is at home.

Each program is a process of its own, as it is started; the provider's API and upload host are fakes on this computer.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from tests.backend.providers.contract import SECRET
from tests.backend.server import make_tokens, make_user
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux, signed
from tests.flow.stage import Client, Server, wait_for
from tests.media import clips
from uploader.backend import following, jobs
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, now

TOLD, ASKED = "its webhook comes.mp4", "no webhook comes.mp4"
A_DAY = timedelta(days=1)


@dataclass
class Night:
    """What goes on while nobody is at home: the provider's encoder, and the server's clock."""

    provider: str
    server: Server
    client: Client
    database: Database
    cloudflare: FakeCloudflare = field(default_factory=FakeCloudflare)
    mux: FakeMux = field(default_factory=FakeMux)

    def start(self) -> None:
        """The server, with accounts at both providers; somebody is signed in to it."""
        self.server.environ = {
            "VIDEO_PROVIDER": self.provider,
            "CLOUDFLARE_BASE_URL": self.cloudflare.api,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_WEBHOOK_SECRET": SECRET,
            "MUX_BASE_URL": self.mux.url,
            "MUX_TOKEN_ID": TOKEN_ID,
            "MUX_TOKEN_SECRET": TOKEN_SECRET,
            "MUX_WEBHOOK_SECRET": SECRET,
        }
        self.server.start()
        self.client.server = self.server.url
        self.client.folder.mkdir()
        refresh = make_tokens(self.database, make_user(self.database))[1]
        (self.client.folder / "token").write_text(refresh)

    def keep_from_asking(self) -> None:
        """From now on the provider is not asked by the job that follows videos; a round that has begun ends first."""
        wait_for(lambda: self._plan(now() + A_DAY), what="the job to rest")

    def let_ask(self) -> None:
        """It is late enough to ask again."""
        with self.database.write() as session:
            for video in session.scalars(select(Video)):
                video.created_at -= A_DAY
                video.looked_at = video.look_after = None
        wait_for(lambda: self._plan(now()), what="the job to rest")

    def _plan(self, at: object) -> bool:
        """When the job is to come next, unless it is at work."""
        rests = update(JobRow).where(JobRow.kind == following.kind(self.provider), JobRow.lease_until.is_(None))
        with self.database.write() as session:
            return jobs.changed(session.execute(rests.values(run_at=at)))

    def upload_of(self, filename: str) -> str:
        """The provider's id."""
        (row,) = self.server.rows("SELECT provider_upload_id FROM videos WHERE filename = ?", filename)
        return str(row["provider_upload_id"])

    def received(self, filename: str) -> bytes:
        """What the provider got."""
        upload_id = self.upload_of(filename)
        found = self.mux.uploads[upload_id] if self.provider == "mux" else self.cloudflare.videos[upload_id]
        return bytes(found.data)

    def encode(self, filename: str) -> None:
        """The provider has made the video."""
        upload_id = self.upload_of(filename)
        if self.provider == "mux":
            self.mux.uploads[upload_id].asset = "ready"
        else:
            self.cloudflare.move(upload_id, "ready", "100.000000")

    def tell(self, filename: str) -> None:
        """The provider sends its webhook."""
        upload_id = self.upload_of(filename)
        if self.provider == "mux":
            headers, body = signed(self.mux.event("video.asset.ready", upload_id), SECRET)
        else:
            headers, body = self.cloudflare.news(upload_id, SECRET)
        address = f"{self.server.url}/api/webhooks/video-processing"
        assert httpx.post(address, content=body, headers=headers, trust_env=False).json() == {"received": True}

    def posts(self) -> list[tuple[str, str]]:
        """Filename and text of all that is published, in the order of its being so."""
        query = "SELECT v.filename, p.content FROM posts p JOIN videos v ON v.id = p.video_id ORDER BY p.created_at"
        return [(row["filename"], row["content"]) for row in self.server.rows(query)]


@pytest.fixture(params=["cloudflare", "mux"])
def night(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Night]:
    folder = tmp_path / "server"
    with ExitStack() as stack:
        database = Database(f"sqlite:///{folder / 'reelferry.sqlite3'}")
        stack.callback(database.close)
        night = Night(request.param, Server(folder), Client(tmp_path / "client", ""), database)
        stack.enter_context(night.cloudflare.running())
        stack.enter_context(night.mux.running())
        stack.callback(night.server.stop)
        stack.callback(night.client.kill)
        night.start()
        yield night


def test_what_was_handed_over_is_published_with_the_lid_closed_whether_a_webhook_comes_or_not(
    night: Night, tmp_path: Path
):
    files = [clips.h264(tmp_path / name) for name in (TOLD, ASKED)]
    for path in files:
        os.utime(path, (1_000_000_000, 1_000_000_000))  # nobody is writing it any more
    night.keep_from_asking()
    night.client.start(*files, text="From the road")
    wait_for(
        lambda: all(night.client.said(title=path.stem, entrusted=True) for path in files),
        what="the server's word that it posts both",
    )
    night.client.kill()
    assert [night.received(path.name) for path in files] == [path.read_bytes() for path in files]
    assert night.posts() == []

    night.encode(TOLD)
    night.tell(TOLD)
    assert night.posts() == [(TOLD, "From the road")], "the answer to a webhook comes after what it changed"

    night.encode(ASKED)
    night.let_ask()
    wait_for(lambda: len(night.posts()) == 2, what="the server to find out by itself")
    assert night.posts() == [(TOLD, "From the road"), (ASKED, "From the road")]
    assert {row["state"] for row in night.server.rows("SELECT state FROM pending_posts")} == {"published"}
