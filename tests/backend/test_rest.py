"""A large body goes past the loop, and the connection goes on behind it as if nothing had happened."""

import asyncio
import contextlib
import hashlib
import json
import os
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.backend.asking import eventually
from tests.backend.local.stage import served
from uploader.backend.access_log import AccessLog
from uploader.backend.hands import READ
from uploader.backend.observer import Observer
from uploader.backend.receiver import LARGE, rest_of

pytestmark = pytest.mark.one_database("no database")

BODY = os.urandom(3 * READ + 321)
PATIENCE = 60.0


class Full(Exception):
    """There is no room for this."""


class Desk:
    """An application that has the rest of a body carried here, if it has one, and says how that ended."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.room = 1 << 30
        self.silence = PATIENCE
        self.carrying = threading.Event()
        self.ended: queue.Queue[tuple[str, int, bool]] = queue.Queue()

    def write(self, data: memoryview) -> None:
        if len(self.held) + len(data) > self.room:
            raise Full
        self.held += data

    def cancel(self) -> None:
        assert self.carrying.wait(PATIENCE)
        self._loop.call_soon_threadsafe(self._carrying.cancel)

    def hang_up(self) -> None:
        """As the server does when its patience is over."""
        assert self.carrying.wait(PATIENCE)
        self._loop.call_soon_threadsafe(self._rest._receiver.transport.abort)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest = rest_of(scope)
        if rest is None or not rest.more:
            body = await Request(scope, receive).body()
            await JSONResponse(["received", *summary(body)])(scope, receive, send)
            return
        how = "full"
        with contextlib.suppress(Full), anyio.CancelScope() as self._carrying:
            self._loop, self._rest = asyncio.get_running_loop(), rest
            self.carrying.set()
            how = (await rest.carry(self.write, self.silence)).name.lower()
        if self._carrying.cancelled_caught:
            how = "cancelled"
        self.ended.put((how, rest.carried, rest.more))
        await JSONResponse([how, *summary(bytes(self.held))])(scope, receive, send)


class Switch:
    """One server for all tests, each with a desk of its own."""

    desk: ASGIApp
    address: tuple[str, int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.desk(scope, receive, send)


@pytest.fixture(scope="module")
def switch() -> Iterator[Switch]:
    switch = Switch()
    with served(switch) as url:
        host, port = url.removeprefix("http://").split(":")
        switch.address = host, int(port)
        yield switch


@pytest.fixture
def desk(switch: Switch) -> Desk:
    switch.desk = desk = Desk()
    return desk


@pytest.fixture
def wire(switch: Switch, desk: Desk) -> Iterator[socket.socket]:
    del desk
    with socket.create_connection(switch.address, PATIENCE) as wire:
        yield wire


def head(length: int, *more: str) -> bytes:
    return "\r\n".join(["PATCH / HTTP/1.1", "Host: here", f"Content-Length: {length}", *more, "", ""]).encode()


def summary(body: bytes) -> list[Any]:
    return [len(body), hashlib.sha256(body).hexdigest()]


def heard(wire: socket.socket, replies: int = 1) -> list[list[Any]]:
    """The bodies of so many replies."""
    said = b""
    while said.count(b"]") < replies:
        more = wire.recv(65536)
        assert more, said
        said += more
    return [json.loads(part[part.index(b"[") :] + b"]") for part in said.split(b"]")[:replies]]


@pytest.mark.parametrize("piece", [len(BODY), READ, 300_001])
def test_a_large_body_arrives_whole_whatever_its_pieces(wire: socket.socket, desk: Desk, piece: int):
    wire.sendall(head(len(BODY)))
    for start in range(0, len(BODY), piece):
        wire.sendall(BODY[start : start + piece])
    assert heard(wire) == [["whole", *summary(BODY)]]
    assert desk.ended.get(timeout=PATIENCE) == ("whole", len(BODY), False)
    wire.sendall(head(2) + b"ab")
    assert heard(wire) == [["received", *summary(b"ab")]]


def test_what_follows_a_body_at_once_is_the_next_request(wire: socket.socket):
    wire.sendall(head(len(BODY)) + BODY + head(2) + b"ab" + head(LARGE) + BODY[:LARGE])
    expected = [["whole", *summary(BODY)], ["received", *summary(b"ab")], ["received", *summary(BODY[:LARGE])]]
    assert heard(wire, 3) == expected


def test_a_large_body_behind_another_request_waits_for_its_turn(wire: socket.socket):
    wire.sendall(head(2) + b"ab" + head(len(BODY)) + BODY)
    assert heard(wire, 2) == [["received", *summary(b"ab")], ["whole", *summary(BODY)]]


def test_what_is_left_of_a_body_that_nobody_wants_is_no_request(wire: socket.socket, desk: Desk):
    desk.room = READ
    body = head(0) * (2 * READ // len(head(0)))
    wire.sendall(head(len(body)) + body + head(2) + b"ab")
    full, after = heard(wire, 2)
    assert full[0] == "full"
    assert full[1] <= READ
    assert after == ["received", *summary(b"ab")]


def test_a_body_in_chunks_is_received_as_ever(wire: socket.socket):
    chunk = b"%x\r\n%b\r\n" % (READ + 1, BODY[: READ + 1])
    wire.sendall(b"PATCH / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
    assert heard(wire) == [["received", *summary(BODY[: READ + 1])]]


def test_a_peer_that_waits_for_leave_is_given_it(wire: socket.socket):
    wire.sendall(head(len(BODY), "Expect: 100-continue"))
    leave = b"HTTP/1.1 100 Continue\r\n\r\n"
    said = b""
    while len(said) < len(leave):
        said += wire.recv(len(leave) - len(said))
    assert said == leave
    wire.sendall(BODY)
    assert heard(wire) == [["whole", *summary(BODY)]]


def test_a_peer_that_falls_silent_is_not_waited_for(wire: socket.socket, desk: Desk):
    desk.silence = 0.1
    wire.sendall(head(len(BODY)) + BODY[:1000])
    assert heard(wire) == [["silent", *summary(BODY[:1000])]]


def test_a_peer_that_hangs_up_is_gone_and_what_it_sent_is_not(wire: socket.socket, desk: Desk):
    wire.sendall(head(len(BODY)) + BODY[:-1])
    wire.close()
    assert desk.ended.get(timeout=PATIENCE) == ("gone", len(BODY) - 1, False)
    assert desk.held == BODY[:-1]


def test_one_that_is_cancelled_lets_go_and_keeps_what_came(wire: socket.socket, desk: Desk):
    wire.sendall(head(len(BODY)) + BODY[: 2 * READ])
    eventually(lambda: len(desk.held) == 2 * READ)
    desk.cancel()
    assert heard(wire) == [["cancelled", *summary(BODY[: 2 * READ])]]
    wire.sendall(BODY[2 * READ :] + head(2) + b"ab")
    assert heard(wire) == [["received", *summary(b"ab")]]
    assert desk.held == BODY[: 2 * READ], "nobody writes any more"


def test_a_server_that_hangs_up_stops_writing_what_came(wire: socket.socket, desk: Desk):
    wire.sendall(head(len(BODY)) + BODY[: 2 * READ])
    eventually(lambda: len(desk.held) == 2 * READ)
    desk.hang_up()
    assert desk.ended.get(timeout=PATIENCE) == ("gone", 2 * READ, False)
    assert desk.held == BODY[: 2 * READ]


class Observed(Observer):
    """Keeps how much was received."""

    def __init__(self) -> None:
        self.received: queue.Queue[int] = queue.Queue()

    def ended(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        self.received.put(received)


def test_what_goes_past_the_loop_counts_as_received(switch: Switch, wire: socket.socket):
    observed = Observed()
    switch.desk = AccessLog(switch.desk, [], observed)
    wire.sendall(head(len(BODY)) + BODY)
    assert heard(wire)[0][0] == "whole"
    assert observed.received.get(timeout=PATIENCE) == len(BODY)
