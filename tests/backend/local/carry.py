"""Brings a file to the whole server, as the desktop does, in the fewest words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.backend.asking import eventually, status_of
from tests.backend.local.stage import OCTETS, VERSION
from tests.backend.server import Person, visitor


def ask(person: Person, file: Path, mime_type: str = "video/mp4") -> dict[str, Any]:
    """A ticket for this file."""
    request = {"filename": file.name, "fileSize": file.stat().st_size, "mimeType": mime_type}
    reply = person.api.post("/api/videos/upload-url", json=request)
    assert reply.status_code == 200, reply.text
    ticket: dict[str, Any] = reply.json()
    return ticket


def carry(person: Person, file: Path, mime_type: str = "video/mp4") -> str:
    """Upload the file in one request; answers the video's id."""
    ticket = ask(person, file, mime_type)
    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0"}
    with visitor() as anybody:
        reply = anybody.patch(ticket["uploadUrl"], content=file.read_bytes(), headers=headers)
    assert reply.status_code == 204, reply.text
    return str(ticket["videoId"])


def ended(person: Person, video_id: str, within: float = 60) -> dict[str, Any]:
    """The video's status once it is not moving any more."""
    eventually(lambda: status_of(person, video_id)["status"] not in {"uploading", "processing"}, within)
    return status_of(person, video_id)


@dataclass
class Receiver:
    """Somebody else's webhook endpoint: answers with these statuses, one a request, the last one for ever."""

    statuses: list[int]
    url: str = ""

    def __post_init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []

    @contextmanager
    def listening(self, port: int = 0) -> Iterator["Receiver"]:
        """Listen while the block runs."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status in {301, 302, 307, 308}:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
