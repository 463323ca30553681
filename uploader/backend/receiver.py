"""How bytes come in: uvicorn's HTTP by httptools, fed a MiB at a time from one buffer; a head has a limit."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

READ = 1 << 20
LONGEST_HEAD = 1 << 16  # once it has taken more than one read


def receiver() -> "Callable[..., Receiver]":
    """Makes the protocols of one server. They share a buffer: it is empty again before another one has its turn."""
    return partial(Receiver, memoryview(bytearray(READ)))


class Receiver(HttpToolsProtocol, asyncio.BufferedProtocol):
    """One connection. asyncio's own reads are of 256 KiB into new memory, and uvicorn copies each piece twice."""

    def __init__(self, buffer: memoryview, **given: Any) -> None:  # noqa: ANN401  (uvicorn's)
        super().__init__(**given)
        self._buffer = buffer
        self._in_head, self._head = False, 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the socket's bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        self.data_received(self._buffer[:nbytes])  # type: ignore[arg-type]  # the parser takes any buffer
        self._head = self._head + nbytes if self._in_head else 0
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It has ended."""
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body. One that stands alone is handed on as it is; uvicorn's own would append it to nothing."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        held: bytes | bytearray = cycle.body
        if not held:
            held = body  # uvicorn makes bytes of it later: of bytes that is no copy
        elif isinstance(held, bytes):
            held = bytearray(held) + body
        else:
            held += body
        cycle.body = held  # type: ignore[assignment]
        if len(held) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()
