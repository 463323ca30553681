"""A connection that listens while it speaks, and loses patience only when no byte moves.

Two things httpx does not do by itself. A server that says no in the middle of a long body is heard at once, instead of
after the body, or never. And a time-out means silence: a slow line on which the peer still acknowledges bytes is left
alone, however long one piece takes.
"""
# ruff: noqa: ASYNC109, ANN401  (httpcore's signatures)

import asyncio
import platform
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from uploader.engine.closing import Closing
from uploader.engine.direct import Connections

SYSTEM = platform.system()
BLOCK = 64 * 1024
INTERIM = b"HTTP/1.1 1"
ANSWERED = "the peer answered before it had heard everything"
LOOKS = 5  # a time-out is made of this many looks: a first one, and those in a row at which nothing had moved
BYTES_ACKED = 120  # offset of tcpi_bytes_acked in Linux' struct tcp_info
SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged


class Line(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket | None = stream.get_extra_info("socket")
        self._heard: asyncio.Task[bytes] | None = None
        self._interim = b""
        self._answered = False
        self._saying: asyncio.Timeout | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says. ReadTimeout once it has neither spoken nor taken a byte for `timeout` seconds."""
        if self._interim:
            interim, self._interim = self._interim, b""
            return interim
        heard, self._heard, self._answered = self._heard or self._listen(max_bytes), None, False
        try:
            async with asyncio.timeout(None) as limit:
                with _Patience(limit, timeout, self._acknowledged):
                    return await heard
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        finally:
            await _drop(heard)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say `buffer`. WriteTimeout once the peer takes no byte for `timeout` seconds.

        WriteError as soon as the peer answers: httpx then goes on to read, and so gets the reply.
        """
        if self._answered:
            raise httpcore.WriteError(ANSWERED)
        self._heard = self._heard or self._listen(BLOCK)
        try:
            async with asyncio.timeout(None) as self._saying:
                with _Patience(self._saying, timeout, self._acknowledged):
                    await self._stream.write(buffer)
        except TimeoutError:
            raise (httpcore.WriteError(ANSWERED) if self._answered else httpcore.WriteTimeout) from None
        finally:
            self._saying = None

    def _spoken(self, heard: asyncio.Task[bytes]) -> None:
        """The peer has said something, and nobody was waiting for it: stop speaking."""
        if heard is not self._heard or heard.cancelled():
            return
        if heard.exception() is None and heard.result().startswith(INTERIM):
            # "100 Continue" or its like, which some servers send unasked: no reason to stop
            self._interim += heard.result()
            self._heard = None if self._saying is None else self._listen(BLOCK)
            return
        self._answered = True
        if self._saying is not None:
            self._saying.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Hang up."""
        if self._heard is not None:
            await _drop(self._heard)
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same line, encrypted."""
        return Line(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows."""
        return self._stream.get_extra_info(info)

    def _listen(self, max_bytes: int) -> asyncio.Task[bytes]:
        heard = asyncio.create_task(self._stream.read(max_bytes))
        heard.add_done_callback(self._spoken)
        return heard

    def _acknowledged(self) -> int:
        """A number that changes whenever the peer acknowledges bytes; where the system does not tell, it never does."""
        connection = self._socket
        if connection is None or connection.fileno() < 0:
            return 0
        if SYSTEM == "Linux":
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
            return int(struct.unpack_from("=Q", told, BYTES_ACKED)[0]) if len(told) == BYTES_ACKED + 8 else 0
        if SYSTEM == "Darwin":
            return connection.getsockopt(socket.SOL_SOCKET, SO_NWRITE)
        return 0


class _Patience:
    """Ends `limit` once `acknowledged` has stood still for `seconds`; never, where that is None."""

    def __init__(self, limit: asyncio.Timeout, seconds: float | None, acknowledged: Callable[[], int]) -> None:
        self._limit, self._acknowledged = limit, acknowledged
        self._pause = None if seconds is None else seconds / LOOKS
        self._loop = asyncio.get_running_loop()
        self._seen: int | None = None
        self._silent = 0
        self._next: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if self._pause is not None:
            self._next = self._loop.call_later(self._pause, self._look, self._pause)

    def __exit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()

    def _look(self, pause: float) -> None:
        now = self._acknowledged()
        self._silent = self._silent + 1 if now == self._seen else 0
        self._seen = now
        if self._silent == LOOKS - 1:
            self._limit.reschedule(self._loop.time())
        else:
            self._next = self._loop.call_later(pause, self._look, pause)


class Lines(httpcore.AsyncNetworkBackend):
    """Makes connections that are lines, over those of `backend`."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._backend = backend or _backend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host`."""
        return Line(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


def _backend() -> httpcore.AsyncNetworkBackend:
    """Windows' event loop, which can start processes, cannot tell when a socket is ready; anyio copes."""
    return Closing() if SYSTEM == "Windows" else Connections()


async def _drop(task: asyncio.Task[Any]) -> None:
    """End a task nobody wants any more; what it raised is of no interest."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
