"""TLS before a server that speaks none, with certificates that may change: as where somebody sits in the line."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Self

from tests.loop_thread import LoopThread
from uploader.backend.server import accept_no_more


class TlsFront:
    """Ends TLS on a port of its own and passes everything on to `target` on this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._thread = LoopThread("tls front")

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"https://127.0.0.1:{self.port}"

    def show(self, certificate: Path, key: Path) -> None:
        """From now on be whoever this certificate says."""
        self._tls.load_cert_chain(certificate, key)

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self._thread.do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._thread.do(self._close())
        finally:
            self._thread.__exit__()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        await accept_no_more([self._server])
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", self.target)
            ways = [
                asyncio.ensure_future(_pass_on(reader, inner)),
                asyncio.ensure_future(_pass_on(inner_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                inner.close()
                writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
