"""A connection whose socket is spoken to directly: what it does not take at once stays here and is not copied again.

TLS is made in memory, many records at a time, because each visit to the system costs more than the copy: the socket is
handed what a quarter of a MiB became, not one record of 16 KiB after the other.
"""
# ruff: noqa: ASYNC109, ANN401  (httpcore's signatures)

import asyncio
import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import httpcore
from aiohappyeyeballs import start_connection

T = TypeVar("T")
DELAY = 0.25  # seconds after which the next address is tried beside the first
AT_ONCE = 256 * 1024  # bytes encrypted together: many records, which still fit into a core's own cache
HEARD = 64 * 1024


class Direct(httpcore.AsyncNetworkStream):
    """One connection, read by one task and written by another. Only `start_tls` looks at its time-out."""

    def __init__(self, connection: socket.socket) -> None:
        """Takes over a connected socket that does not block."""
        loop, number = asyncio.get_running_loop(), connection.fileno()
        self.socket = connection
        self.readable = Ready(lambda wake: loop.add_reader(number, wake), lambda: loop.remove_reader(number))
        self.writable = Ready(lambda wake: loop.add_writer(number, wake), lambda: loop.remove_writer(number))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says, up to `max_bytes`; nothing once it has hung up. ReadError."""
        with _named(httpcore.ReadError):
            while True:
                try:
                    return self.socket.recv(max_bytes)
                except BlockingIOError:
                    await self.readable.wait()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say all of `buffer`. WriteError. Whoever cancels this must not write again."""
        with _named(httpcore.WriteError):
            rest = memoryview(buffer)
            while rest:
                try:
                    rest = rest[self.socket.send(rest) :]
                except BlockingIOError:
                    await self.writable.wait()

    async def aclose(self) -> None:
        """Hang up."""
        self.readable.over()
        self.writable.over()
        self.socket.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted; this object is of no use afterwards. ConnectError, ConnectTimeout."""
        with _named(httpcore.ConnectError, late=httpcore.ConnectTimeout):
            try:
                secure = Secure(self, ssl_context, server_hostname)
                async with asyncio.timeout(timeout):
                    await secure.shake_hands()
            except BaseException:
                await self.aclose()
                raise
        return secure

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for by name: socket, is_readable."""
        match info:
            case "socket":
                return self.socket
            case "is_readable":
                return _readable(self.socket)
        return None


class Secure(httpcore.AsyncNetworkStream):
    """A direct connection, encrypted; read by one task and written by another, as that one is."""

    def __init__(self, plain: Direct, context: ssl.SSLContext, host: str | None) -> None:
        self._plain = plain
        self._came, self._leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._leaves, server_hostname=host)
        self._unsent = memoryview(b"")

    async def shake_hands(self) -> None:
        """Agree on keys, and find the peer to be who it should be. OSError, of which SSLError is one."""
        await self._done(self._tls.do_handshake)
        await self._flush()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says, up to `max_bytes`; nothing once it has hung up. ReadError."""
        with _named(httpcore.ReadError):
            try:
                return await self._done(partial(self._tls.read, max_bytes))
            except ssl.SSLEOFError:  # without the goodbye that TLS has for it, as many do
                return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say all of `buffer`. WriteError. Whoever cancels this must not write again."""
        with _named(httpcore.WriteError):
            rest = memoryview(buffer)
            while rest:
                rest = rest[await self._done(partial(self._tls.write, rest[:AT_ONCE])) :]
                await self._flush()

    async def aclose(self) -> None:
        """Hang up."""
        await self._plain.aclose()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for by name: socket, ssl_object, is_readable."""
        return self._tls if info == "ssl_object" else self._plain.get_extra_info(info)

    async def _done(self, act: Callable[[], T]) -> T:
        """What `act` answers once it has heard enough; TLS may have to hear before it can speak."""
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                if self._leaves.pending:  # no more than that: who only listens is not to wait for what is being said
                    self._send()
                await self._hear()
            except ssl.SSLError:
                with suppress(OSError):  # the peer may be told why, if it still listens
                    self._send()
                raise

    async def _hear(self) -> None:
        """Take in what has come, once something has, be it to the other task."""
        try:
            came = self._plain.socket.recv(HEARD)
        except BlockingIOError:
            await self._plain.readable.wait()
            return
        if came:
            self._came.write(came)
        else:
            self._came.write_eof()

    async def _flush(self) -> None:
        """Hand over all that was encrypted, in its order, whichever of the two tasks did it."""
        while not self._send():
            await self._plain.writable.wait()

    def _send(self) -> bool:
        """Hand over what the system takes; whether that was all."""
        try:
            while self._unsent or self._leaves.pending:
                self._unsent = self._unsent or memoryview(self._leaves.read())
                self._unsent = self._unsent[self._plain.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return True


class Ready:
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
            try:
                for option in [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *(socket_options or ())]:
                    connection.setsockopt(*option)
            except OSError:
                connection.close()
                raise
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
