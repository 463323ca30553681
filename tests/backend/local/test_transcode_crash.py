"""The server dies, or the person changes their mind, while a video is being made."""

import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from tests.backend.asking import eventually, status_of
from tests.backend.local.carry import ask, carry, ended
from tests.backend.local.stage import OCTETS, VERSION
from tests.backend.server import Person, config_in, make_token, make_user, visitor
from tests.flow.stage import Server
from tests.media import clips
from tests.needs import need
from uploader.backend.context import Backend
from uploader.backend.server import opened
from uploader.backend.store.models import JobRow, now

pytestmark = pytest.mark.one_database("processes and pictures; what jobs and leases do on both is in test_jobs")


def long_clip(folder: Path) -> Path:
    """One that takes seconds to transcode."""
    return clips.vp9(folder / "clip.webm", seconds=20)


def port_to_keep() -> int:
    """A free port below those the system gives to clients, so that it is still free when the server comes back."""
    for port in random.SystemRandom().sample(
        range(20_000, 30_000), 100
    ):  # `random` is seeded alike in each test process
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server in a process of its own, to be killed."""
    server = Server(tmp_path / "server", port=port_to_keep())
    server.start()
    yield server
    server.kill()


@pytest.fixture
def eve(server: Server) -> Iterator[Person]:
    """Somebody signed in there."""
    with opened(config_in(server.folder)) as database:
        user = make_user(database, "eve")
        token = make_token(database, user)
    with visitor(server.url, {"Authorization": f"Bearer {token}"}) as api:
        yield Person(user, token, api)


def children_of(process: int | None = None) -> list[int]:
    """Process ids of those that read video, below this process or anywhere."""
    need(sys.platform == "linux", "/proc")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if b"media-child" in command and parent == (process or os.getpid()):
                    found.append(int(entry.name))
    return found


def transcoding(person: Person, video_id: str) -> bool:
    status = status_of(person, video_id)
    return status["stage"] == "transcoding" and (status["percent"] or 0) > 0


@pytest.mark.slow
def test_killed_in_mid_transcode_it_is_ready_once_soon_after_the_next_start(
    server: Server, eve: Person, tmp_path: Path
) -> None:
    video_id = carry(eve, long_clip(tmp_path), "video/webm")
    eventually(lambda: transcoding(eve, video_id), within=60)
    assert server.process
    children = children_of(server.process.pid)
    assert len(children) == 1
    server.kill()
    eventually(lambda: not Path(f"/proc/{children[0]}").exists())  # the child does not outlive us
    with opened(config_in(server.folder)) as database, database.write() as session:
        session.execute(update(JobRow).where(JobRow.kind == "transcode").values(lease_until=now() + timedelta(hours=1)))
    server.start()
    eventually(lambda: transcoding(eve, video_id))  # nobody waits for the dead one's lease
    assert ended(eve, video_id, within=120)["status"] == "ready"
    assert len(server.rows("SELECT * FROM webhook_events")) == 1
    assert len(server.rows("SELECT * FROM jobs WHERE kind = 'deliver_webhook'")) == 1
    assert [path.name for path in (server.folder / "media").iterdir()] == [video_id]


@pytest.mark.slow
def test_a_stopped_server_gives_its_transcode_back_and_goes_on_next_time(
    server: Server, eve: Person, tmp_path: Path
) -> None:
    video_id = carry(eve, long_clip(tmp_path), "video/webm")
    eventually(lambda: transcoding(eve, video_id), within=60)
    server.stop()
    (job,) = server.rows("SELECT * FROM jobs WHERE kind = 'transcode'")
    assert (job["attempts"], job["lease_until"], job["done_at"]) == (0, None, None)
    server.start()
    eventually(lambda: transcoding(eve, video_id), within=60)


def test_a_stopped_server_keeps_what_came_of_an_open_upload(server: Server, eve: Person, tmp_path: Path) -> None:
    clip = clips.h264(tmp_path / "clip.mp4")
    data = clip.read_bytes()
    ticket = ask(eve, clip)
    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(len(data))}

    def half() -> Iterator[bytes]:
        yield data[:1000]
        eventually(lambda: any((server.folder / "uploads").iterdir()))
        assert server.process
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        yield data[1000:]

    with contextlib.suppress(httpx.TransportError):
        reply = eve.api.patch(ticket["uploadUrl"], content=half(), headers=headers)
        assert reply.status_code == 503
    server.stop()
    server.start()
    offset = int(eve.api.head(ticket["uploadUrl"], headers=VERSION).headers["upload-offset"])
    assert offset == 1000
    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "1000"}
    assert eve.api.patch(ticket["uploadUrl"], content=data[1000:], headers=headers).status_code == 204
    assert ended(eve, ticket["videoId"])["status"] == "ready"
    log = (server.folder.parent / f"{server.folder.name}.log").read_text()
    assert "Traceback" not in log


def test_a_video_deleted_in_mid_transcode_stops_the_child_and_frees_the_disk(
    backend: Backend, ann: Person, tmp_path: Path
) -> None:
    video_id = carry(ann, long_clip(tmp_path), "video/webm")
    eventually(lambda: transcoding(ann, video_id), within=60)
    assert len(children_of()) == 1
    assert ann.api.delete(f"/api/videos/{video_id}").status_code == 204
    eventually(lambda: not children_of())
    for folder in ("uploads", "media"):
        eventually(lambda folder=folder: not any((backend.config.data / folder).iterdir()))  # type: ignore[misc]
    assert status_of(ann, video_id)["status"] == "cancelled"


@pytest.mark.slow
@pytest.mark.loud
def test_a_child_that_keeps_dying_is_tried_twice_and_then_the_video_fails(
    backend: Backend, ann: Person, tmp_path: Path
) -> None:
    video_id = carry(ann, long_clip(tmp_path), "video/webm")
    for _ in range(2):
        eventually(lambda: len(children_of()) == 1, within=60)
        (child,) = children_of()
        os.kill(child, signal.SIGKILL)
        eventually(lambda child=child: child not in children_of())  # type: ignore[misc]
    status = ended(ann, video_id)
    assert (status["status"], status["error"]["code"]) == ("error", "media_failed")
    assert not any((backend.config.data / "media").iterdir())
