"""Connections to any host by the way that is chosen now: straight, or through a proxy."""

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpcore

from uploader.engine.closing import Closing
from uploader.engine.line import Lines
from uploader.engine.proxies import Proxy
from uploader.engine.socks import Denied, Socks
from uploader.engine.way_out import Road, WayOut
from uploader.errors import ProxyRefused, ProxyUnreachable, Untrusted

CONNECTIONS = 16
KEPT = 15.0
"""Seconds that a connection nobody uses is kept."""


class Roads:
    """Stands where httpx has its pool of connections, and has one pool a road.

    `lines` makes the connections. Raises what httpcore raises, and from `uploader.errors` what concerns proxies.
    """

    def __init__(
        self, way_out: WayOut, lines: httpcore.AsyncNetworkBackend, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._way_out, self._lines, self._clock = way_out, lines, clock
        self._pools: dict[Road, httpcore.AsyncConnectionPool] = {}
        self._used: dict[Road, float] = {}

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request by the road of the moment."""
        url = request.url
        port = url.port or (443 if url.scheme == b"https" else 80)
        road = await self._way_out.road(url.scheme.decode(), url.host.decode(), port)
        # It is in the URL by now. Left here, httpcore would also put it into the proxy's CONNECT.
        request.extensions = {name: what for name, what in request.extensions.items() if name != "target"}
        if road.proxy is not None and road.proxy.scheme != "socks5" and url.scheme == b"http":
            request.headers = _for_once(request.headers)
        pool = self._pool(road)
        await self._tidy()
        with self._translated(road):
            reply = await pool.handle_async_request(request)
        if road.proxy is not None and _is_refusal(reply):
            await reply.aclose()
            raise ProxyRefused(f"{reply.status} from {road.proxy.address}")
        return reply

    async def aclose(self) -> None:
        """Hang up everywhere."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _pool(self, road: Road) -> httpcore.AsyncConnectionPool:
        self._used[road] = self._clock()
        if road not in self._pools:
            self._pools[road] = _pool(road, self._lines)
        return self._pools[road]

    async def _tidy(self) -> None:
        """Give up roads that nobody takes any more."""
        now = self._clock()
        for road, pool in list(self._pools.items()):
            if now - self._used[road] > KEPT and all(one.is_idle() or one.is_closed() for one in pool.connections):
                del self._pools[road], self._used[road]
                await pool.aclose()

    @contextmanager
    def _translated(self, road: Road) -> Iterator[None]:
        """What went wrong on the way to the host, where httpcore's word for it would mislead."""
        try:
            yield
        except httpcore.ProxyError as error:
            said = f"{road.proxy and road.proxy.address}: {error}"
            denied = isinstance(error, Denied) or str(error).startswith(("407", "401"))
            raise (ProxyRefused(said) if denied else ProxyUnreachable(said)) from error
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            trust = self._way_out.trust
            if _is_about_trust(error):
                if trust.broken:
                    hint = f"The certificate file {trust.file} cannot be read: put it back, or choose another."
                    raise Untrusted(str(error), hint=hint) from error
                raise
            if road.proxy is not None:
                raise ProxyUnreachable(f"{road.proxy.address}: {error!r}") from error
            raise


def _pool(road: Road, lines: httpcore.AsyncNetworkBackend) -> httpcore.AsyncConnectionPool:
    proxy = road.proxy
    if proxy is None or proxy.scheme == "socks5":
        return httpcore.AsyncConnectionPool(
            ssl_context=road.trust,
            max_connections=CONNECTIONS,
            keepalive_expiry=KEPT,
            network_backend=Socks(lines, proxy, road.password) if proxy else lines,
        )
    return httpcore.AsyncHTTPProxy(
        proxy_url=_url(proxy),
        proxy_auth=(proxy.user.encode(), road.password.encode()) if proxy.user else None,
        ssl_context=road.trust,
        proxy_ssl_context=road.trust if proxy.scheme == "https" else None,
        max_connections=CONNECTIONS,
        keepalive_expiry=KEPT,
        network_backend=_within_tls() if proxy.scheme == "https" else lines,
    )


def _within_tls() -> httpcore.AsyncNetworkBackend:
    """For TLS to a host within TLS to a proxy: a socket that encrypts by itself cannot do it twice."""
    return Lines(Closing())


def _for_once(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A proxy that forwards (tinyproxy is one) may hang up after each reply without having said so."""
    return [(name, value) for name, value in headers if name.lower() != b"connection"] + [(b"Connection", b"close")]


def _is_refusal(reply: httpcore.Response) -> bool:
    """Whether a proxy says that it wants another password. Some say 401; no host we know asks for a Basic one."""
    asks = [value.lower() for name, value in reply.headers if name.lower() == b"www-authenticate"]
    return reply.status == 407 or (reply.status == 401 and any(one.startswith(b"basic") for one in asks))


def _url(proxy: Proxy) -> httpcore.URL:
    return httpcore.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/")


def _is_about_trust(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
