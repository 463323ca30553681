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
from collections.abc import Iterable
from typing import Any

import httpcore

SYSTEM = platform.system()
BLOCK = 64 * 1024
INTERIM = b"HTTP/1.1 1"
LOOKS = 4  # a time-out is made of this many looks in a row at which nothing had moved
BYTES_ACKED = 120  # offset of tcpi_bytes_acked in Linux' struct tcp_info
SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged


class Line(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._heard: asyncio.Task[bytes] | None = None
        self._interim = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says. ReadTimeout once it has neither spoken nor taken a byte for `timeout` seconds."""
        if self._interim:
            interim, self._interim = self._interim, b""
            return interim
        heard, self._heard = self._heard or self._listen(max_bytes), None
        try:
            if not await self._within(timeout, heard):
                raise httpcore.ReadTimeout
            return heard.result()
        finally:
            await _drop(heard)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say `buffer`. WriteTimeout once the peer takes no byte for `timeout` seconds.

        WriteError as soon as the peer answers: httpx then goes on to read, and so gets the reply.
        """
        said = asyncio.create_task(self._stream.write(buffer))
        try:
            while not said.done():
                heard = self._heard = self._heard or self._listen(BLOCK)
                if not await self._within(timeout, said, heard):
                    raise httpcore.WriteTimeout
                if heard.done() and not self._only_interim(heard):
                    break
            if not said.done():
                raise httpcore.WriteError("the peer answered before it had heard everything")
            said.result()
        finally:
            await _drop(said)

    def _only_interim(self, heard: asyncio.Task[bytes]) -> bool:
        """Whether this was a "100 Continue" or its like, which some servers send unasked: no reason to stop."""
        if heard.exception() is not None or not heard.result().startswith(INTERIM):
            return False
        self._interim += heard.result()
        self._heard = None
        return True

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
        return asyncio.create_task(self._stream.read(max_bytes))

    async def _within(self, patience: float | None, *tasks: asyncio.Task[Any]) -> bool:
        """Wait for the first of `tasks`. False once `patience` seconds have passed without a sign of life."""
        pause = None if patience is None else patience / LOOKS
        seen, silent = self._acknowledged(), 0
        while True:
            done, _ = await asyncio.wait(set(tasks), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return True
            now = self._acknowledged()
            silent = silent + 1 if now == seen else 0
            seen = now
            if silent == LOOKS:
                return False

    def _acknowledged(self) -> int:
        """A number that changes whenever the peer acknowledges bytes; where the system does not tell, it never does."""
        connection: socket.socket | None = self._stream.get_extra_info("socket")
        if connection is None or connection.fileno() < 0:
            return 0
        if SYSTEM == "Linux":
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
            return int(struct.unpack_from("=Q", told, BYTES_ACKED)[0]) if len(told) == BYTES_ACKED + 8 else 0
        if SYSTEM == "Darwin":
            return connection.getsockopt(socket.SOL_SOCKET, SO_NWRITE)
        return 0


class Lines(httpcore.AsyncNetworkBackend):
    """Makes connections that are lines."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

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


async def _drop(task: asyncio.Task[Any]) -> None:
    """End a task nobody wants any more; what it raised is of no interest."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
