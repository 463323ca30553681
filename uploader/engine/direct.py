"""A connection whose socket is spoken to directly: TLS writes large pieces straight into it, with no copy between."""
# ruff: noqa: ASYNC109, ANN401  (httpcore's signatures)

import asyncio
import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpcore
from aiohappyeyeballs import start_connection

A = TypeVar("A")
T = TypeVar("T")
DELAY = 0.25  # seconds after which the next address is tried beside the first


class Direct(httpcore.AsyncNetworkStream):
    """One connection, read by one task and written by another. Only `start_tls` looks at its time-out."""

    def __init__(self, connection: socket.socket) -> None:
        """Takes over a connected socket that does not block."""
        loop, number = asyncio.get_running_loop(), connection.fileno()
        self._socket = connection
        self._readable = _Ready(lambda wake: loop.add_reader(number, wake), lambda: loop.remove_reader(number))
        self._writable = _Ready(lambda wake: loop.add_writer(number, wake), lambda: loop.remove_writer(number))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says, up to `max_bytes`; nothing once it has hung up. ReadError."""
        with _named(httpcore.ReadError):
            return await self._done(self._socket.recv, max_bytes, self._readable)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say all of `buffer`. WriteError. Whoever cancels this must not write again."""
        with _named(httpcore.WriteError):
            rest = memoryview(buffer)
            while rest:
                rest = rest[await self._done(self._socket.send, rest, self._writable) :]

    async def aclose(self) -> None:
        """Hang up."""
        self._readable.over()
        self._writable.over()
        self._socket.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted; this object is of no use afterwards. ConnectError, ConnectTimeout."""
        with _named(httpcore.ConnectError, late=httpcore.ConnectTimeout):
            secure = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            line = Direct(secure)
            try:
                async with asyncio.timeout(timeout):
                    await line._done(lambda _: secure.do_handshake(), None, line._readable)
            except BaseException:
                await line.aclose()
                raise
        return line

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for by name: socket, ssl_object, is_readable."""
        match info:
            case "socket":
                return self._socket
            case "ssl_object":
                return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
            case "is_readable":
                return _readable(self._socket)
        return None

    async def _done(self, act: Callable[[A], T], what: A, usually: "_Ready") -> T:
        """What `act` answers once it need not wait; TLS may have to hear before it can speak, or the other way."""
        while True:
            try:
                return act(what)
            except ssl.SSLWantReadError:
                wanted = self._readable
            except ssl.SSLWantWriteError:
                wanted = self._writable
            except BlockingIOError:
                wanted = usually
            await wanted.wait()


class _Ready:
    """One direction of a socket, for those who wait until it moves. `listen` and `leave` are the loop's."""

    def __init__(self, listen: Callable[[Callable[[], None]], object], leave: Callable[[], object]) -> None:
        self._listen, self._leave = listen, leave
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        """Return once it may have moved, or nobody needs it any more."""
        moved = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._listen(self._wake)
        self._waiting.add(moved)
        try:
            await moved
        finally:
            self._waiting.discard(moved)
            if not self._waiting:
                self._leave()

    def over(self) -> None:
        """Nobody needs it any more: those who still wait find the socket closed."""
        self._leave()
        self._wake()

    def _wake(self) -> None:
        for moved in self._waiting:
            if not moved.done():
                moved.set_result(None)


class Connections(httpcore.AsyncNetworkBackend):
    """Connects to whichever of a host's addresses answers first."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host`. ConnectError, ConnectTimeout."""
        loop = asyncio.get_running_loop()
        with _named(httpcore.ConnectError, late=httpcore.ConnectTimeout):
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                ours = local_address and await loop.getaddrinfo(local_address, 0, type=socket.SOCK_STREAM)
                connection = await start_connection(found, local_addr_infos=ours or None, happy_eyeballs_delay=DELAY)
            for option in [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *(socket_options or ())]:
                connection.setsockopt(*option)
        return Direct(connection)


@contextmanager
def _named(failed: type[httpcore.NetworkError], late: type[httpcore.TimeoutException] | None = None) -> Iterator[None]:
    """What the system says, in httpcore's words."""
    try:
        yield
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
        raise (late if late and isinstance(error, TimeoutError) else failed)(str(error)) from error


def _readable(connection: socket.socket) -> bool:
    """Whether something has come, be it the end."""
    if connection.fileno() < 0:
        return True
    if sys.platform == "win32":
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
