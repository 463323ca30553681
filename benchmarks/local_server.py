"""Our own server in a process of its own, with an account to upload from."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx

from tests.backend.server import make_user
from tests.flow.stage import Server
from uploader.backend.accounts import tokens
from uploader.backend.store.database import Database
from uploader.backend.store.models import User, now
from uploader.backend.store.sign_in_models import OAuthToken
from uploader.wire import Ticket, VideoStatus

LIFE = timedelta(hours=1)


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
        return _tokens(self.database, self.user)[1]

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
            headers = {"Authorization": f"Bearer {_tokens(database, user)[0]}"}
            with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as api:
                yield Local(server, database, user, api)
    finally:
        server.stop()


def _tokens(database: Database, user: User) -> tuple[str, str]:
    """An access and a refresh token, as a sign-in would have given."""
    access, refresh = tokens.new_secret(tokens.ACCESS_PREFIX), tokens.new_secret(tokens.REFRESH_PREFIX)
    with database.write() as session:
        session.add(
            OAuthToken(
                access_hash=tokens.digest(access),
                refresh_hash=tokens.digest(refresh),
                family=tokens.new_family(),
                client_id="reelferry-desktop",
                user_id=user.id,
                scope="upload offline_access",
                access_expires_at=now() + LIFE,
                refresh_expires_at=now() + LIFE,
            )
        )
    return access, refresh
