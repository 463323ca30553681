"""Connections through a SOCKS5 proxy (RFC 1928), with a user name and a password (RFC 1929)."""
# ruff: noqa: ASYNC109  (httpcore's signatures)

import asyncio
import ipaddress
from collections.abc import Iterable

import httpcore

from uploader.engine.proxies import Proxy

VERSION, CONNECT = 5, 1
OPEN, BY_PASSWORD = 0, 2
IPV4, NAME, IPV6 = 1, 3, 4
PATIENCE = 20.0


class Denied(httpcore.ProxyError):
    """The proxy wants another user name or password."""


class Socks(httpcore.AsyncNetworkBackend):
    """Makes connections through `proxy`, which `lines` reach. Names are looked up by the proxy."""

    def __init__(self, lines: httpcore.AsyncNetworkBackend, proxy: Proxy, password: str) -> None:
        self._lines, self._proxy, self._password = lines, proxy, password

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host`. ProxyError, Denied among them, or what a connection to the proxy met."""
        line = await self._lines.connect_tcp(self._proxy.host, self._proxy.port, timeout, local_address, socket_options)
        try:
            async with asyncio.timeout(timeout or PATIENCE):
                talk = _Talk(line)
                await self._introduce(talk)
                await _ask(talk, host, port)
        except TimeoutError:
            await line.aclose()
            raise httpcore.ProxyError("it accepts connections, and says nothing") from None
        except BaseException:
            await line.aclose()
            raise
        return line

    async def _introduce(self, talk: "_Talk") -> None:
        method = BY_PASSWORD if self._proxy.user else OPEN
        await talk.say(VERSION, 1, method)
        version, chosen = await talk.hear(2)
        if version != VERSION:
            raise httpcore.ProxyError("it does not speak SOCKS5")
        if chosen != method:
            raise Denied(f"it wants method {chosen}, not {method}")
        if method == BY_PASSWORD:
            user, password = self._proxy.user.encode()[:255], self._password.encode()[:255]
            await talk.say(1, len(user), *user, len(password), *password)
            if (await talk.hear(2))[1] != 0:
                raise Denied("it does not know this user name and password")


class _Talk:
    """The words before the connection is one to the host. A stream may hand out more than it was asked for."""

    def __init__(self, line: httpcore.AsyncNetworkStream) -> None:
        self._line = line
        self._heard = b""

    async def say(self, *octets: int) -> None:
        await self._line.write(bytes(octets))

    async def hear(self, length: int) -> bytes:
        while len(self._heard) < length:
            if not (more := await self._line.read(length - len(self._heard))):
                raise httpcore.ProxyError("it hung up")
            self._heard += more
        heard, self._heard = self._heard[:length], self._heard[length:]
        return heard


async def _ask(talk: _Talk, host: str, port: int) -> None:
    await talk.say(VERSION, CONNECT, 0, *_address(host), *port.to_bytes(2))
    _, answer, _, kind = await talk.hear(4)
    if answer != 0:
        raise httpcore.ProxyError(f"it did not connect: reply {answer}")
    length = {IPV4: 4, IPV6: 16}.get(kind) or (await talk.hear(1))[0]
    await talk.hear(length + 2)


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")[:255]  # httpcore has made it ASCII
        return bytes((NAME, len(name))) + name
    return bytes((IPV4 if address.version == 4 else IPV6,)) + address.packed
