"""The tus server against bad peers: half-open, stale, slow, several at once."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.backend.asking import eventually
from tests.backend.local.stage import OCTETS, Stage, Wire, served

pytestmark = pytest.mark.one_database("bytes on disk: the rows are as for test_videos")

MIB = 1 << 20


@contextmanager
def half_a_patch(stage: Stage, upload: str, length: int, body: bytes, *headers: str) -> Iterator[socket.socket]:
    """A connection that announced `length` bytes, sent only `body`, and stays open."""
    host = stage.url.removeprefix("http://")
    lines = [
        f"PATCH /files/{upload} HTTP/1.1",
        f"Host: {host}",
        "Tus-Resumable: 1.0.0",
        f"Content-Type: {OCTETS}",
        f"Upload-Offset: {stage.files.offset(upload)}",
        f"Content-Length: {length}",
        *headers,
    ]
    name, port = host.split(":")
    with socket.create_connection((name, int(port)), timeout=60) as peer:
        peer.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        yield peer


@pytest.mark.parametrize(("length", "came"), [(2 * MIB, MIB + 1000), (MIB, 1000)], ids=["large", "small"])
def test_a_stale_connection_is_pre_empted_and_nothing_is_lost(stage: Stage, wire: Wire, length: int, came: int) -> None:
    upload = stage.grant(length)
    with half_a_patch(stage, upload, length, b"z" * came) as stale:
        eventually(lambda: stage.files.path(upload).exists() and (length == MIB or stage.files.offset(upload) == came))
        assert wire.offset(upload) == came  # of a small one, also what was still in the buffer
        assert b" 423 " in stale.recv(65536)
        assert wire.patch(upload, came, b"y" * (length - came)).status_code == 204
    assert stage.bytes_of(upload) == b"z" * came + b"y" * (length - came)
    assert stage.jobs() == ["transcode"]


def test_what_arrived_before_the_connection_broke_is_kept(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4 * MIB)
    with half_a_patch(stage, upload, 4 * MIB, b"a" * (3 * MIB)):
        eventually(lambda: stage.files.offset(upload) >= 2 * MIB)
    offset = wire.offset(upload)
    assert offset >= 2 * MIB
    assert wire.patch(upload, offset, b"a" * (4 * MIB - offset)).status_code == 204
    assert stage.bytes_of(upload) == b"a" * (4 * MIB)


@pytest.mark.parametrize("length", [100, 2 * MIB])
def test_a_peer_that_sends_nothing_more_is_let_go(tmp_path: Path, length: int) -> None:
    stage = Stage(tmp_path, idle=0.2)
    with served(stage.app) as stage.url:
        upload = stage.grant(length)
        with half_a_patch(stage, upload, length, b"0123456789") as peer:
            assert b" 408 " in peer.recv(65536)
        assert stage.bytes_of(upload) == b"0123456789"
    stage.database.close()


def test_other_requests_do_not_wait_for_a_stale_one(stage: Stage, wire: Wire) -> None:
    upload, other = stage.grant(MIB), stage.grant(4)
    with half_a_patch(stage, upload, MIB, b"z" * 1000):
        assert wire.patch(other, 0, b"0123").status_code == 204


def test_two_clients_of_one_upload_cannot_mix_their_bytes(stage: Stage) -> None:
    data = bytes(range(256)) * (4 * MIB // 256)
    upload = stage.grant(len(data))

    def carry() -> None:
        offset = 0
        with Wire(stage.url) as own:
            while offset < len(data):
                with contextlib.suppress(httpx.TransportError):  # the one that is pre-empted is hung up on
                    offset = int(own.head(upload).headers.get("upload-offset", "0"))
                    own.patch(upload, offset, data[offset : offset + 300_000])

    threads = [threading.Thread(target=carry) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert stage.bytes_of(upload) == data
    assert stage.jobs() == ["transcode"]


def test_a_file_deleted_in_mid_patch_ends_the_patch(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(8 * MIB)
    with half_a_patch(stage, upload, 8 * MIB, b"z" * (2 * MIB)) as peer:
        eventually(lambda: stage.files.offset(upload) >= MIB)
        found = stage.uploads.find(upload)
        assert found is not None
        stage.uploads.cancel(found)
        stage.files.remove(upload)
        peer.sendall(b"z" * (2 * MIB))
        assert b" 410 " in peer.recv(65536)
    assert not stage.files.path(upload).exists()
    assert wire.head(upload).status_code == 410


def test_a_cancelled_video_does_not_come_back_with_its_last_byte(stage: Stage) -> None:
    upload = stage.grant(2000)
    with half_a_patch(stage, upload, 2000, b"z" * 1000) as peer:
        eventually(lambda: stage.files.path(upload).exists())
        found = stage.uploads.find(upload)
        assert found is not None
        stage.uploads.cancel(found)
        peer.sendall(b"z" * 1000)
        assert b" 410 " in peer.recv(65536)
    assert stage.state(upload) == "cancelled"
    assert "transcode" not in stage.jobs()


@pytest.mark.parametrize("length", [MIB, 2 * MIB])
def test_a_stopping_server_keeps_what_came_and_says_so(stage: Stage, wire: Wire, length: int) -> None:
    upload = stage.grant(length)
    with half_a_patch(stage, upload, length, b"z" * 1000) as peer:
        eventually(lambda: stage.files.path(upload).exists())
        wire.http.post("/stop")
        answer = peer.recv(65536)
        assert b" 503 " in answer
        assert b"retry-after" in answer.lower()
    assert stage.files.offset(upload) == 1000
    assert wire.head(upload).status_code == 503


def test_an_expecting_client_is_refused_before_it_sends(stage: Stage) -> None:
    upload = stage.grant(10)
    host, port = stage.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as peer:
        head = f"PATCH /files/{upload} HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {OCTETS}\r\n"
        peer.sendall(f"{head}Upload-Offset: 7\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
        assert peer.recv(65536).startswith(b"HTTP/1.1 409 ")


def test_twenty_uploads_at_once_all_arrive(stage: Stage) -> None:
    uploads = [stage.grant(MIB) for _ in range(20)]
    statuses: list[int] = []

    def send(upload: str) -> None:
        with Wire(stage.url) as own:
            statuses.append(own.patch(upload, 0, upload.encode() * (MIB // 32)).status_code)

    threads = [threading.Thread(target=send, args=(upload,)) for upload in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert statuses == [204] * 20
    assert all(stage.bytes_of(upload) == upload.encode() * (MIB // 32) for upload in uploads)
