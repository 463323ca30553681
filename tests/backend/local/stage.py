"""The tus server on its own, without the API: rows made by hand, a real uvicorn on a free port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.backend.server import visitor
from uploader.backend.providers.local.files import Files
from uploader.backend.providers.local.tus import Tus
from uploader.backend.providers.local.uploads import Uploads
from uploader.backend.receiver import receiver
from uploader.backend.server import Server
from uploader.backend.store.database import Database
from uploader.backend.store.models import Base, JobRow, User, Video, VideoUpload, new_id

VERSION = {"Tus-Resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"
MAX_BYTES = 1 << 30


@dataclass
class Clock:
    """Now, and later when a test says so."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Stage:
    """Database, files and tus server in one folder."""

    def __init__(self, folder: Path, *, idle: float = 60.0, reserve: int = 1 << 20) -> None:
        self.clock = Clock()
        self.database = Database(f"sqlite:///{folder / 'stage.sqlite3'}")
        Base.metadata.create_all(self.database.engine)
        self.files = Files(folder / "uploads", reserve=reserve)
        self.uploads = Uploads(self.database, self.clock)
        self.tus = Tus(self.uploads, self.files, max_bytes=MAX_BYTES, idle=idle)
        self.app = Starlette(routes=[*self.tus.routes(), Route("/stop", self._stop, methods=["POST"])])
        self.url = ""

    async def _stop(self, _request: Request) -> Response:
        self.tus.stop()
        return Response(status_code=204)

    def grant(self, length: int) -> str:
        """An upload of `length` bytes; answers its id."""
        upload_id, video_id, user_id = token_hex(16), new_id(), new_id()
        about = {"user_id": user_id, "filename": "a.mp4", "file_size": length, "mime_type": "video/mp4"}
        with self.database.write() as session:
            session.add(User(id=user_id, username=user_id, name="Ann"))
            session.flush()
            session.add(Video(id=video_id, provider="local", provider_upload_id=upload_id, **about))
            session.flush()
            until = self.clock() + timedelta(days=1)
            session.add(VideoUpload(id=video_id, provider="local", expires_at=until, **about))
        return upload_id

    def state(self, upload_id: str) -> str:
        """What the database says about the video."""
        upload = self.uploads.find(upload_id)
        return upload.state if upload else "gone"

    def jobs(self) -> list[str]:
        """The kinds of all jobs that were enqueued."""
        with self.database.read() as session:
            return [job.kind for job in session.query(JobRow).order_by(JobRow.run_at)]

    def bytes_of(self, upload_id: str) -> bytes:
        """What is on disk."""
        return self.files.path(upload_id).read_bytes()


class Wire:
    """A tus client that does exactly what it is told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = visitor(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def head(self, upload_id: str) -> httpx.Response:
        return self.http.head(f"/files/{upload_id}", headers=VERSION)

    def offset(self, upload_id: str) -> int:
        return int(self.head(upload_id).headers["upload-offset"])

    def patch(self, upload_id: str, offset: int, body: bytes, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": str(offset), **names}
        return self.http.patch(f"/files/{upload_id}", headers=given, content=body)

    def delete(self, upload_id: str) -> httpx.Response:
        return self.http.delete(f"/files/{upload_id}", headers=VERSION)


class _Server(Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config, before_end=lambda: None)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application on a port of its own, in a thread; gives its address."""
    http: Any = receiver()  # anything that makes a protocol
    server = _Server(uvicorn.Config(app, port=0, http=http, log_level="error", lifespan="off", timeout_keep_alive=75))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.listening.wait(60)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(60)
        assert not thread.is_alive()
