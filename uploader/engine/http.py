"""The two HTTP clients: one for our backend, one that knows nothing of us for the upload host.

The only place where TLS is configured and where httpx' exceptions become ours.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx
import truststore

import uploader
from uploader.engine.line import Lines
from uploader.errors import Interrupted, NotAServer, Offline, Stalled, Untrusted

AGENT = f"Reelferry/{uploader.__version__}"
CONNECT = 20.0
API = httpx.Timeout(30.0, connect=CONNECT)
CONNECTIONS = 16


def api_client(server: str) -> httpx.AsyncClient:
    """For our backend at `server`. Carries no token by itself, follows no redirect, keeps no cookie."""
    return httpx.AsyncClient(
        base_url=server,
        headers={"User-Agent": AGENT, "Accept": "application/json"},
        timeout=API,
        cookies=_no_cookies(),
        verify=_trust(),
        trust_env=False,
        follow_redirects=False,
    )


def upload_client() -> httpx.AsyncClient:
    """For upload hosts: sends what it is told to and nothing else. Time-outs are given with each request."""
    return httpx.AsyncClient(
        headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
        transport=_Transport(),
        cookies=_no_cookies(),
        trust_env=False,
        follow_redirects=False,
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn what httpx raises into our errors."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise NotAServer(_said(error)) from error
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
            raise Untrusted(_said(error)) from error
        raise Offline(_said(error)) from error
    except (httpx.WriteTimeout, httpx.ReadTimeout) as error:
        raise Stalled(_said(error)) from error
    except httpx.HTTPError as error:
        raise Interrupted(_said(error)) from error


class _Transport(httpx.AsyncHTTPTransport):
    """HTTP/1.1 over lines."""

    def __init__(self) -> None:
        super().__init__(http2=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trust(), max_connections=CONNECTIONS, keepalive_expiry=15, network_backend=Lines()
        )


def _trust() -> ssl.SSLContext:
    """What the operating system trusts, and no way around it."""
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
