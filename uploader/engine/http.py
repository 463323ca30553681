"""The two HTTP clients: one for our backend, one that knows nothing of us for the upload host.

Both leave this computer by the same way, and this is where httpx' exceptions become ours.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpcore
import httpx
from pydantic import BaseModel, ValidationError

import uploader
from uploader.engine.closing import Closing
from uploader.engine.line import Lines
from uploader.engine.roads import Roads
from uploader.engine.way_out import WayOut
from uploader.errors import CaptivePortal, Interrupted, NotAServer, Offline, ReelferryError, Stalled, Untrusted
from uploader.protocols import Response
from uploader.protocols.base import refusal, retry_after

AGENT = f"Reelferry/{uploader.__version__}"
CONNECT = 20.0
API = httpx.Timeout(30.0, connect=CONNECT)
WORDS = 500  # characters of a reply's body that are kept for the log

M = TypeVar("M", bound=BaseModel)


def api_client(server: str, way_out: WayOut | None = None) -> httpx.AsyncClient:
    """For our backend at `server`. Carries no token by itself, follows no redirect, keeps no cookie.

    NotAServer if that is no address. Without a `way_out` it is the system's.
    """
    with translated():
        return httpx.AsyncClient(
            base_url=server,
            headers={"User-Agent": AGENT, "Accept": "application/json"},
            timeout=API,
            transport=_Transport(way_out or WayOut(), Closing()),
            cookies=_no_cookies(),
            trust_env=False,
            follow_redirects=False,
        )


def upload_client(way_out: WayOut | None = None) -> httpx.AsyncClient:
    """For upload hosts: sends what it is told to and nothing else. Time-outs are given with each request."""
    return httpx.AsyncClient(
        headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
        transport=_Transport(way_out or WayOut(), Lines()),
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
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) for cause in causes):
            raise Interrupted(_said(error)) from error
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            raise Untrusted(_said(error)) from error
        raise Offline(_said(error)) from error
    except (httpx.WriteTimeout, httpx.ReadTimeout) as error:
        raise Stalled(_said(error)) from error
    except httpx.HTTPError as error:
        raise Interrupted(_said(error)) from error


def parsed(reply: httpx.Response, model: type[M]) -> M:
    """The JSON of a success. NotAServer where it is something else."""
    try:
        return model.model_validate_json(reply.content)
    except ValidationError as error:
        raise NotAServer(f"{reply.status_code} without a {model.__name__}: {error.error_count()} mistakes") from error


def out_of_place(reply: httpx.Response) -> ReelferryError | None:
    """What a server, or somebody between, may answer whatever was asked; None if the reply is to the point."""
    status, said = reply.status_code, Response(reply.status_code, dict(reply.headers), reply.text[:WORDS])
    if status == 511 or 300 <= status < 400 or (status < 300 and _is_page(reply)):
        return CaptivePortal(f"{status} from something that is no server of ours")
    if status in {408, 425, 429} or status >= 500:
        return refusal(said)
    return None


def wait_asked(reply: httpx.Response) -> float | None:
    """Seconds of the reply's Retry-After."""
    return retry_after(Response(reply.status_code, dict(reply.headers)))


def _is_page(reply: httpx.Response) -> bool:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower() in {
        "text/html",
        "application/xhtml+xml",
    }


class _Transport(httpx.AsyncHTTPTransport):
    """HTTP/1.1 over roads."""

    def __init__(self, way_out: WayOut, lines: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=way_out.trust.context())
        self._pool = Roads(way_out, lines)  # type: ignore[assignment]  # httpx asks no more of its pool


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
