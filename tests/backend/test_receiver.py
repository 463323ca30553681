"""What a connection brings reaches the application whole, however it is cut up; a head has an end."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from uploader.backend.hands import READ
from uploader.backend.receiver import LONGEST_HEAD, receiver
from uploader.backend.server import Server

pytestmark = pytest.mark.one_database("what comes over a connection")
BODY = os.urandom(5 * READ + 321)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was sent."""
    digest, length = hashlib.sha256(), 0
    async for data in Request(scope, receive).stream():
        digest.update(data)
        length += len(data)
    await JSONResponse([length, digest.hexdigest()])(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(app, port=0, http=receiver(), ws="none", lifespan="off", log_config=None)  # type: ignore[arg-type]
    server = Server(config, before_end=lambda: None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.end()
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 60) as wire:
        yield wire


def head(length: int) -> bytes:
    return f"PATCH /files/1 HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n".encode()


def heard(wire: socket.socket, replies: int = 1) -> list[list[object]]:
    """The bodies of so many replies."""
    said = b""
    while said.count(b"]") < replies:
        more = wire.recv(65536)
        assert more, said
        said += more
    return [json.loads(part[part.index(b"[") :] + b"]") for part in said.split(b"]")[:replies]]


def expected(body: bytes) -> list[object]:
    return [len(body), hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("piece", [len(BODY), READ, 300_001])
def test_a_body_arrives_whole_whatever_its_pieces(wire: socket.socket, piece: int):
    wire.sendall(head(len(BODY)))
    for start in range(0, len(BODY), piece):
        wire.sendall(BODY[start : start + piece])
    assert heard(wire) == [expected(BODY)]


def test_a_body_in_many_small_chunks_arrives_whole(wire: socket.socket):
    wire.sendall(b"PATCH /files/1 HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
    pieces = [BODY[start : start + 7] for start in range(0, 70_000, 7)]
    wire.sendall(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
    assert heard(wire) == [expected(BODY[:70_000])]


def test_connections_at_once_do_not_mix_their_bytes(port: int):
    bodies = [os.urandom(2 * READ + number) for number in range(4)]
    wires = [socket.create_connection(("127.0.0.1", port), 60) for _ in bodies]
    for wire, body in zip(wires, bodies, strict=True):
        wire.sendall(head(len(body)))
    for start in range(0, 3 * READ, 100_000):
        for wire, body in zip(wires, bodies, strict=True):
            wire.sendall(body[start : start + 100_000])
    for wire, body in zip(wires, bodies, strict=True):
        assert heard(wire) == [expected(body)]
        wire.close()


def test_requests_that_follow_each_other_at_once_are_answered_in_turn(wire: socket.socket):
    bodies = [BODY[:10], BODY[:200_000], b""]
    wire.sendall(b"".join(head(len(body)) + body for body in bodies))
    assert heard(wire, 3) == [expected(body) for body in bodies]


def test_a_head_without_end_is_refused(wire: socket.socket):
    wire.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * LONGEST_HEAD)
    said = b""
    while more := wire.recv(65536):
        said += more
    assert said.startswith(b"HTTP/1.1 400 ")
