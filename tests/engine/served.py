"""Runs an ASGI app in a real uvicorn, in a thread, on a port of its own."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from uploader.backend.server import Server

SLOW = 60
"""Seconds that a machine may take for anything."""


@dataclass
class Stage:
    """A server that stays, and the app that plays on it now."""

    served: "Served | None" = None
    app: ASGIApp | None = None

    @property
    def port(self) -> int:
        """Where it stands on 127.0.0.1."""
        assert self.served is not None
        return self.served.port

    async def settle(self) -> None:
        """Return when everything that clients, who are all gone, ever sent has been dealt with."""
        assert self.served is not None
        await asyncio.to_thread(self.served.settle)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


class Served:
    """A server at work on `port`."""

    def __init__(self, server: uvicorn.Server, clients: set[int]) -> None:
        self._server = server
        self._clients = clients
        self.port: int = server.servers[0].sockets[0].getsockname()[1]

    def settle(self) -> None:
        """Return when it has dealt with everything that clients, who are all gone, ever sent to it.

        Connections are accepted in their order, so one that comes now shows that those before it have been.
        """
        with socket.socket() as last:
            last.settimeout(SLOW)
            last.bind(("127.0.0.1", 0))
            client: int = last.getsockname()[1]
            self._clients.discard(client)  # it may have been somebody else's
            last.connect(("127.0.0.1", self.port))
            _wait_until(lambda: client in self._clients)
        state = self._server.server_state
        _wait_until(lambda: not state.connections and not state.tasks)


@contextlib.contextmanager
def serving(app: ASGIApp, *, tls: tuple[Path, Path] | None = None) -> Iterator[Served]:
    """Serve it on 127.0.0.1. `tls` = (certificate, key) files."""
    clients: set[int] = set()

    class Listening(HttpToolsProtocol):
        """Tells whom it has met."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
            super().connection_made(transport)
            clients.add(transport.get_extra_info("peername")[1])

    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        port=0,
        http=Listening,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=600,  # else a client that dawdles may ask just when it is hung up on
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    server = Server(config, before_end=lambda: None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _wait_until(lambda: server.started or not thread.is_alive())
    assert thread.is_alive(), "the server did not start"
    try:
        yield Served(server, clients)
    finally:
        server.end()
        thread.join(SLOW)
        assert not thread.is_alive()


@contextlib.contextmanager
def served(app: ASGIApp, *, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """As `serving`; just the port."""
    with serving(app, tls=tls) as served:
        yield served.port


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SLOW
    while not condition():
        assert time.monotonic() < deadline, "the server needs too long"
        time.sleep(0.005)
