"""A SOCKS5 proxy that dawdles, says nothing, or nonsense. What a sound one does is tried with microsocks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import httpcore
import pytest

from uploader.engine.proxies import Proxy
from uploader.engine.socks import Denied, Socks

pytestmark = pytest.mark.anyio


class AtOnce(httpcore.AnyIOBackend):
    """The way to the proxy, which takes no time worth counting: a time-out is about what the proxy says."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await super().connect_tcp(host, port, None, local_address, socket_options)


@asynccontextmanager
async def speaking(*words: bytes, hold: bool = False) -> AsyncIterator[Callable[..., Socks]]:
    """A proxy that answers each thing it hears with the next of `words`, a byte at a time; then hangs up, or holds."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):  # whoever has heard enough hangs up
                for word in words:
                    await reader.read(1000)
                    for byte in word:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(0)
                if hold:
                    await reader.read()
        finally:
            writer.close()
            over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield lambda user="", password="": Socks(AtOnce(), Proxy("socks5", "127.0.0.1", port, user), password)
        await over.wait()


@pytest.mark.parametrize(
    "address", [b"\x01\x7f\x00\x00\x01\x00\x50", b"\x04" + bytes(18), b"\x03\x05films\x00\x50"], ids=["4", "6", "name"]
)
async def test_replies_that_come_a_byte_at_a_time_are_put_together(address: bytes) -> None:
    async with speaking(b"\x05\x02", b"\x01\x00", b"\x05\x00\x00" + address, hold=True) as socks:
        line = await socks("ada", "secret").connect_tcp("films.example", 443, timeout=60)
        await line.aclose()


async def test_a_proxy_that_says_nothing_is_given_up() -> None:
    async with speaking(b"", hold=True) as socks:
        with pytest.raises(httpcore.ProxyError, match="says nothing"):
            await socks().connect_tcp("films.example", 443, timeout=0.05)


@pytest.mark.parametrize(
    ("words", "kind", "why"),
    [
        ([b"\x05\xff"], Denied, "method 255"),
        ([b"\x05\x02"], Denied, "method 2"),
        ([b"HT"], httpcore.ProxyError, "does not speak SOCKS5"),
        ([b"\x05"], httpcore.ProxyError, "hung up"),
        ([b"\x05\x00", b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"], httpcore.ProxyError, "reply 2"),
    ],
)
async def test_every_no_has_its_reason(words: list[bytes], kind: type[Exception], why: str) -> None:
    async with speaking(*words) as socks:
        with pytest.raises(kind, match=why):
            await socks().connect_tcp("films.example", 443, timeout=60)


async def test_a_refused_password_is_a_denial() -> None:
    async with speaking(b"\x05\x02", b"\x01\x01") as socks:
        with pytest.raises(Denied, match="user name and password"):
            await socks("ada", "guess").connect_tcp("127.0.0.1", 443, timeout=60)
