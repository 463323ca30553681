"""Our own server in a process of its own, with an account to upload from."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx

from tests.backend.server import make_token, make_tokens, make_user
from tests.flow.stage import Server
from uploader.backend.store.database import Database
from uploader.backend.store.models import User
from uploader.wire import Ticket, VideoStatus


@dataclass(frozen=True)
class Local:
    """A running server, and a client that is signed in to it."""

    server: Server
    database: Database
    user: User
    api: httpx.Client

    @property
    def public_url(self) -> str:
        """Where its clients reach it."""
        return self.server.public_url or self.server.url

    def refresh_token(self) -> str:
        """What an engine signs in with: good once."""
        return make_tokens(self.database, self.user)[1]

    def ticket(self, size: int) -> Ticket:
        """Leave to upload."""
        asked = {"filename": "film.mp4", "fileSize": size, "mimeType": "video/mp4"}
        reply = self.api.post("/api/videos/upload-url", json=asked, headers={"Idempotency-Key": uuid4().hex})
        return Ticket.model_validate_json(reply.raise_for_status().content)

    def status(self, video_id: str) -> VideoStatus:
        """What became of it."""
        reply = self.api.get(f"/api/videos/{video_id}/status")
        return VideoStatus.model_validate_json(reply.raise_for_status().content)

    def delete(self, video_id: str) -> None:
        """Free the disk."""
        self.api.delete(f"/api/videos/{video_id}").raise_for_status()


@contextmanager
def local_server(server: Server) -> Iterator[Local]:
    """Start `server` with one account."""
    server.start()
    try:
        with closing(Database(f"sqlite:///{server.folder / 'reelferry.sqlite3'}")) as database:
            user = make_user(database)
            headers = {"Authorization": f"Bearer {make_token(database, user)}"}
            with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as api:
                yield Local(server, database, user, api)
    finally:
        server.stop()
