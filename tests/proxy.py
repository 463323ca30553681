"""A TCP proxy that misbehaves on command: cuts, resets, stalls, trickles, goes away, spoils a byte, forges a reply.

    with Proxy(port_of_the_server) as proxy:
        proxy.cut(up=100_000)             # the line breaks once 100 000 more bytes have gone to the server
        …talk to 127.0.0.1:proxy.port…
        proxy.wait_for(lambda: proxy.cuts == 1)

It runs in a thread of its own; every command has taken effect when it returns, and may be given at any time from any
thread. `up` is towards the server, `down` towards the client.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Literal, Self

from tests.loop_thread import LoopThread
from uploader.backend.server import accept_no_more

Direction = Literal["up", "down"]
RESET = struct.pack("ii", 1, 0)  # linger on, zero seconds: close() sends RST
BLOCK = 16 * 1024
PAUSE = 0.05  # seconds between two pieces that trickle


class Proxy:
    """Stands before one server on this machine.

    `up`, `down`: bytes passed on; `connections`: accepted so far; `bodies`: bytes of bodies that came from clients, by
    method; `peers`: the addresses they came from.

    `receive_buffer` (bytes) narrows the window the client sees, so that a trickle is felt as one and not as rare
    gulps.
    """

    def __init__(self, target: int, *, host: str = "127.0.0.1", receive_buffer: int | None = None) -> None:
        self.target = (host, target)
        self.port = 0
        self.up = self.down = self.connections = self.cuts = self.swallowed = self.held_back = self.forged = 0
        self.bodies: Counter[str] = Counter()
        self.peers: list[str] = []
        self._receive_buffer = receive_buffer
        self._lines: set[_Line] = set()
        self._left: dict[Direction, int] = {}
        self._until_hold: int | None = None
        self._until_spoilt: int | None = None
        self._hold_back: bytes | None = None
        self._swallow: tuple[bytes, int] | None = None
        self._forgeries: list[tuple[bytes, bytes]] = []
        self._rate: float | None = None
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = LoopThread("proxy")

    @property
    def url(self) -> str:
        """Where clients go instead of to the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def flowing(self) -> bool:
        """Whether bytes may pass."""
        return self._flowing.is_set()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self._thread.do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._thread.do(self._shut())
        finally:
            self._thread.__exit__()

    def cut(self, *, up: int | None = None, down: int | None = None) -> None:
        """Break the connection that carries the nth byte from now on: exactly n are passed on. Once."""

        async def command() -> None:
            self._left = {way: n for way, n in (("up", up), ("down", down)) if n is not None}  # type: ignore[misc]  # literals

        self._thread.do(command())

    def hold(self, up: int) -> None:
        """Stall once exactly `up` more bytes have gone to the server. Once."""

        async def command() -> None:
            self._until_hold = up

        self._thread.do(command())

    def spoil(self, up: int) -> None:
        """Change one bit of the byte that goes to the server after `up` others from now on. Once."""

        async def command() -> None:
            self._until_spoilt = up

        self._thread.do(command())

    def reset(self) -> None:
        """Break every open connection now."""

        async def command() -> None:
            for line in list(self._lines):
                line.break_off()

        self._thread.do(command())

    def stall(self) -> None:
        """Let no byte pass; connections stay open (half-open, as after a lost route)."""

        async def command() -> None:
            self._flowing.clear()

        self._thread.do(command())

    def flow(self) -> None:
        """Let everything pass again at full speed."""

        async def command() -> None:
            self._rate = None
            self._flowing.set()

        self._thread.do(command())

    def hold_back(self, method: str, path: str) -> None:
        """Stall when the next request of this kind has arrived, before a byte of it is passed on. Once."""

        async def command() -> None:
            self._hold_back = f"{method} {path}".encode()

        self._thread.do(command())

    def trickle(self, bytes_per_second: float) -> None:
        """Pass no more than this much in either direction, per connection."""

        async def command() -> None:
            self._rate = bytes_per_second

        self._thread.do(command())

    def swallow(self, method: str, nth: int = 1, *, path: str = "/") -> None:
        """Lose the reply to the nth request of this method from now on whose path begins with `path`, and its line."""

        async def command() -> None:
            self._swallow = (f"{method} {path}".encode(), nth)

        self._thread.do(command())

    def forge(self, method: str, path: str, reply: bytes) -> None:
        """Keep the next request of this kind from the server, answer with `reply` in its place, and hang up.

        Once a call; further calls wait for their turn.
        """

        async def command() -> None:
            self._forgeries.append((f"{method} {path}".encode(), reply))

        self._thread.do(command())

    def orphan(self) -> None:
        """Let no byte pass any more on what is connected now, and never close it; what comes after is not affected."""

        async def command() -> None:
            for line in self._lines:
                line.orphaned = True
            self._flowing.set()

        self._thread.do(command())

    def go_away(self) -> None:
        """Break everything and refuse new connections, on a port that stays ours to come back to."""

        async def command() -> None:
            await self._shut()

        self._thread.do(command())

    def come_back(self) -> None:
        """Accept connections again, on the same port."""
        self._thread.do(self._listen())

    def wait_for(self, condition: Callable[[], bool], timeout: float = 60) -> None:
        """Wait until `condition` holds; for tests that do not run on a loop. AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "the proxy waited in vain"
            time.sleep(0.005)

    async def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=BLOCK)

    async def _shut(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await accept_no_more([server])
            server.close()
        for line in (lines := list(self._lines)):
            line.break_off()
        for line in lines:
            await line.gone.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.peers.append(writer.get_extra_info("peername")[0])
        try:
            upstream = await asyncio.open_connection(*self.target, limit=BLOCK)
        except OSError:
            _reset(writer)
            return
        line = _Line(self, (reader, writer), upstream)
        if self._server is None:  # it went away while this line was being made
            line.break_off()
        self._lines.add(line)
        try:
            await line.run()
        finally:
            self._lines.discard(line)
            line.gone.set()

    def _matches(self, request: bytes) -> bool:
        """Whether the reply to this request is the one to be lost."""
        if self._swallow is None or not request.startswith(self._swallow[0]):
            return False
        wanted, nth = self._swallow
        self._swallow = (wanted, nth - 1) if nth > 1 else None
        return nth == 1

    def _forgery(self, request: bytes) -> bytes | None:
        """The reply somebody else gives to this request, if its turn has come."""
        if self._forgeries and request.startswith(self._forgeries[0][0]):
            self.forged += 1
            return self._forgeries.pop(0)[1]
        return None


class _Line:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._requests = _Requests(proxy.bodies)
        self._swallowing = False
        self.orphaned = False
        self.gone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        self._tasks = [
            asyncio.ensure_future(self._pump("up", self._client[0], self._server[1])),
            asyncio.ensure_future(self._pump("down", self._server[0], self._client[1])),
        ]
        try:
            await asyncio.wait(self._tasks)
        except asyncio.CancelledError:  # the test is over
            for _, writer in (self._client, self._server):
                writer.transport.abort()
            raise
        for _, writer in (self._client, self._server):
            writer.close()  # nobody waits for it: a peer that is out of reach never takes the rest

    def break_off(self) -> None:
        """The client sees a reset; the server gets what was passed on, then the end."""
        _reset(self._client[1])
        self._server[1].close()
        for task in self._tasks:
            task.cancel()

    async def _pump(self, way: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            async with contextlib.aclosing(self._pieces(source)) as pieces:
                async for piece in pieces:
                    if not await self._move(way, piece, sink):
                        return
            if sink.can_write_eof() and not self.orphaned:
                sink.write_eof()

    async def _move(self, way: Direction, data: bytes, sink: asyncio.StreamWriter) -> bool:
        """Whether the line goes on."""
        await self._proxy._flowing.wait()
        if way == "up":
            data = await self._look_at(data, sink)
        if way == "down" and self._swallowing:
            self._proxy.swallowed += 1
            self.break_off()
            return False
        return await self._pass_on(way, data, sink)

    async def _look_at(self, data: bytes, sink: asyncio.StreamWriter) -> bytes:
        """Do what was commanded for requests that begin in `data`, and for its bytes. What is left to pass on."""
        for request in self._requests.feed(data):
            if (forged := self._proxy._forgery(request)) is not None:
                await self._answer(forged)
                return b""
            if self._proxy._matches(request):
                self._swallowing = True
            if self._proxy._hold_back and request.startswith(self._proxy._hold_back):
                self._proxy._hold_back = None
                self._proxy._flowing.clear()
                self._proxy.held_back += 1
                await self._proxy._flowing.wait()
        return await self._pause_at_the_hold(data, sink)

    async def _answer(self, forged: bytes) -> None:
        """Say it, hear the client out as far as it wants to be heard, and hang up."""
        reader, writer = self._client
        writer.write(forged)
        writer.write_eof()
        try:
            while data := await reader.read(BLOCK):
                self._requests.feed(data)
        finally:
            self._server[1].close()

    async def _pause_at_the_hold(self, data: bytes, sink: asyncio.StreamWriter) -> bytes:
        """Where the hold is reached within `data`: pass on what comes before it and wait. What is left to pass on."""
        until = self._proxy._until_hold
        if until is None:
            return data
        if until > len(data):
            self._proxy._until_hold = until - len(data)
            return data
        self._proxy._until_hold = None
        self._proxy._flowing.clear()
        await self._pass_on("up", data[:until], sink)
        await self._proxy._flowing.wait()
        return data[until:]

    def _spoilt(self, data: bytes) -> bytes:
        until = self._proxy._until_spoilt
        if until is None:
            return data
        if until >= len(data):
            self._proxy._until_spoilt = until - len(data)
            return data
        self._proxy._until_spoilt = None
        return data[:until] + bytes([data[until] ^ 1]) + data[until + 1 :]

    async def _pieces(self, source: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
        """What comes, at the rate of the moment: one that is set while something is waited for holds for that, too."""
        while data := await source.read(self._most()):
            while data:
                if self._proxy._rate is not None:
                    await asyncio.sleep(PAUSE)
                piece = data[: self._most()]
                data = data[len(piece) :]
                yield piece

    def _most(self) -> int:
        """Bytes that may be passed on together."""
        rate = self._proxy._rate
        return BLOCK if rate is None else max(1, int(rate * PAUSE))

    async def _pass_on(self, way: Direction, data: bytes, sink: asyncio.StreamWriter) -> bool:
        if self.orphaned:
            await self.gone.wait()
        left = self._proxy._left.get(way)
        passed = data if left is None else data[:left]
        if way == "up":
            passed = self._spoilt(passed)
            self._proxy.up += len(passed)
        else:
            self._proxy.down += len(passed)
        sink.write(passed)
        await sink.drain()
        if left is not None:
            self._proxy._left[way] = left - len(passed)
            if left <= len(data):
                del self._proxy._left[way]
                self._proxy.cuts += 1
                self.break_off()
                return False
        return True


class _Requests:
    """Finds where requests begin in what a client sends. Bodies need a Content-Length; TLS is let be."""

    def __init__(self, bodies: Counter[str]) -> None:
        self._bodies = bodies
        self._head = b""
        self._method = ""
        self._body = 0
        self._opaque = False

    def feed(self, data: bytes) -> list[bytes]:
        """The request lines of the requests whose heads are complete with `data`."""
        lines = []
        while data and not self._opaque:
            skipped = min(self._body, len(data))
            self._body -= skipped
            self._bodies[self._method] += skipped
            data = data[skipped:]
            if not data:
                break
            self._head, data = self._head + data, b""
            self._opaque = self._head[:1] == b"\x16"
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if end:
                first, *fields = head.split(b"\r\n")
                lines.append(first)
                self._method = first.partition(b" ")[0].decode()
                named = dict(field.lower().split(b":", 1) for field in fields)
                self._body = int(named.get(b"content-length", b"0"))
                self._head, data = b"", rest
        return lines


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
