"""anyio's connections, which are also closed where a TLS handshake is called off: httpcore leaves those open."""
# ruff: noqa: ASYNC109, ANN401  (httpcore's signatures)

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore


class Closing(httpcore.AsyncNetworkBackend):
    """Connects as `httpcore.AnyIOBackend` does."""

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
        """A connection to `host`. ConnectError, ConnectTimeout."""
        return _Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the peer says, up to `max_bytes`. ReadError, ReadTimeout."""
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Say all of `buffer`. WriteError, WriteTimeout."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Hang up."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted; closed where that fails or is called off. ConnectError, ConnectTimeout."""
        try:
            return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows."""
        return self._stream.get_extra_info(info)
