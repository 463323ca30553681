"""How bytes come in: uvicorn's HTTP by httptools, fed a MiB at a time from one buffer; a head has a limit.

The rest of a large body need not come this way: see `Rest`.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial
from typing import Any

import anyio
import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from uploader.backend.hands import READ, Hands, Haul, Write

LARGE = READ
"""Bodies beyond this have a `Rest`."""

AT_FIRST = 1 << 16
"""Read at once where no body has begun."""

LONGEST_HEAD = 1 << 16  # once it has taken more than one read
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REST = "reelferry.rest"


class Carried(Enum):
    """How the rest of a body ended."""

    WHOLE = auto()
    GONE = auto()
    SILENT = auto()


def receiver() -> "Callable[..., Receiver]":
    """Makes the protocols of one server. They share a buffer: it is empty again before another one has its turn."""
    return partial(Receiver, memoryview(bytearray(READ)), Hands())


def rest_of(scope: Mapping[str, Any]) -> "Rest | None":
    """What may be carried past the loop of this request's body; None where all of it has to be received."""
    rest: Rest | None = scope.get("extensions", {}).get(REST)
    return rest


class Receiver(HttpToolsProtocol, asyncio.BufferedProtocol):
    """One connection. asyncio's own reads are of 256 KiB into new memory, and uvicorn copies each piece twice."""

    def __init__(self, buffer: memoryview, hands: Hands, **given: Any) -> None:  # noqa: ANN401  (uvicorn's)
        super().__init__(**given)
        self._buffer = buffer
        self._hands = hands
        self._in_head, self._in_body, self._head = False, False, 0
        self._length, self._fed = 0, 0
        self._haul: Haul | None = None
        self._unwanted = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the socket's bytes go."""
        return self._buffer if self._in_body else self._buffer[:AT_FIRST]

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        unwanted = min(nbytes, self._unwanted)
        self._unwanted -= unwanted
        if unwanted == nbytes:
            return
        self.data_received(self._buffer[unwanted:nbytes])  # type: ignore[arg-type]  # the parser takes any buffer
        self._head = self._head + nbytes if self._in_head else 0
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It has ended."""
        self._in_head, self._in_body = False, True
        super().on_headers_complete()
        self._length, self._fed = _announced(self.headers), 0
        if self._length > LARGE and sys.platform != "win32" and not self.parser.should_upgrade():
            extensions: dict[str, Any] = {REST: Rest(self, self.cycle)}  # there a read goes on even in a pause
            self.scope["extensions"] = extensions
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """A body has ended."""
        self._in_body = False
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body. One that stands alone is handed on as it is; uvicorn's own would append it to nothing."""
        self._fed += len(body)
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

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is to read from it any more."""
        super().connection_lost(exc)
        if self._haul is not None:
            self._hands.drop(self._haul)

    def to_come(self, cycle: RequestResponseCycle) -> int:
        """How many bytes of this request's body were not read yet."""
        return self._length - self._fed if self.cycle is cycle else 0

    def hand_over(self, write: Write) -> Haul:
        """Have the rest of the body, and what of it nobody has received yet, given to `write`, in another thread."""
        self.flow.pause_reading()
        if self.cycle.waiting_for_100_continue:
            self.transport.write(CONTINUE)
            self.cycle.waiting_for_100_continue = False
        held, self.cycle.body = self.cycle.body, bytearray()
        self.cycle.message_event.clear()
        wire = self.transport.get_extra_info("socket").dup()
        self._haul = Haul(wire, len(held) + self._length - self._fed, write)
        self._hands.carry(self._haul, held)
        return self._haul

    async def let_go(self, haul: Haul) -> None:
        """End it, and go on behind the body. Returns once nobody writes any more."""
        self._hands.drop(haul)
        with anyio.CancelScope(shield=True):
            await haul.ended()
        self._haul, self._in_body = None, False
        self._unwanted, self._fed = haul.left, self._length
        self.cycle.more_body = haul.left > 0
        if haul.gone:
            self.transport.close()
        if self.parser is not None:  # it still waits for bytes that it will never see
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)


class Rest:
    """What is to come of one request's body, from the socket to where it belongs without passing the event loop."""

    def __init__(self, receiver: Receiver, cycle: RequestResponseCycle) -> None:
        self._receiver = receiver
        self._cycle = cycle
        self.carried = 0
        """Bytes that went this way."""

    @property
    def more(self) -> bool:
        """Whether there is any."""
        return self._receiver.to_come(self._cycle) > 0

    async def carry(self, write: Write, silence: float) -> Carried:
        """Give it to `write`, in a thread, until it ends or nothing came for `silence` seconds.

        Raises what `write` raised. Whatever had come by then is written also when this is cancelled.
        """
        if self._receiver.transport.is_closing():
            return Carried.GONE
        haul = self._receiver.hand_over(write)
        try:
            while not await haul.ended(within=max(0.0, haul.last + silence - time.monotonic())):
                if time.monotonic() >= haul.last + silence:
                    break
        finally:
            await self._receiver.let_go(haul)
            self.carried = haul.length - haul.left
        if haul.error is not None:
            raise haul.error
        if not haul.left:
            return Carried.WHOLE
        return Carried.GONE if haul.gone or self._receiver.transport.is_closing() else Carried.SILENT


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """The body's length, if that alone says where it ends."""
    names = [name for name, _ in headers]
    if names.count(b"content-length") != 1 or b"transfer-encoding" in names:
        return 0
    length = dict(headers)[b"content-length"]
    return int(length) if length.isdigit() else 0
