"""Carries bodies from sockets to where they belong, in a few threads beside the event loop, which hears of the end."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable

READ = 1 << 20
MOST = 2
"""Threads. More do not help: they wait for the same disk, and whoever wants to compute waits for them."""

Write = Callable[[memoryview], None]


class Haul:
    """One body under way. Made, waited for and let go on the server's loop; a hand does the rest.

    `left` of its `length` bytes were not read yet, `last` is when some were (`time.monotonic`). Once it has ended:
    `error` is what `write` raised, `gone` says that the peer hung up.
    """

    def __init__(self, wire: socket.socket, length: int, write: Write) -> None:
        """`wire` is closed at the end; nothing beyond the body is read from it."""
        self.length, self.left = length, length
        self.last = time.monotonic()
        self.gone = False
        self.error: Exception | None = None
        self._wire, self._write = wire, write
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()

    async def ended(self, within: float | None = None) -> bool:
        """Whether it ended before so many seconds were over."""
        await asyncio.wait({self._ended}, timeout=within)
        return self._ended.done()

    def fileno(self) -> int:
        """The socket's."""
        return self._wire.fileno()

    def put(self, data: memoryview) -> bool:
        """In the hand's thread: write a piece. False: it has ended with this."""
        self.left -= len(data)
        try:
            self._write(data)
        except Exception as error:  # noqa: BLE001  (whoever waits for the haul raises it)
            self.error = error
            return False
        self.last = time.monotonic()
        return self.left > 0

    def take(self, buffer: memoryview) -> bool:
        """In the hand's thread: read what is there, once, and write it. False: it has ended with this."""
        try:
            count = self._wire.recv_into(buffer, min(self.left, len(buffer)))
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            count = 0
        if not count:
            self.gone = True
            return False
        return self.put(buffer[:count])

    def end(self) -> None:
        """In the hand's thread: close, and tell."""
        self._wire.close()
        with contextlib.suppress(RuntimeError):  # the server's loop has ended
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class Hands:
    """The threads of one server. There are none while there is nothing to carry."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._at_work: dict[_Hand, set[Haul]] = {}

    def carry(self, haul: Haul, held: bytes | bytearray) -> None:
        """Write `held`, which had come already, then what comes, until the haul ends or is dropped."""
        with self._lock:
            hand = min(self._at_work, key=lambda one: len(self._at_work[one]), default=None)
            if hand is None or len(self._at_work) < self._most:
                hand = _Hand(self._idle)
                self._at_work[hand] = set()
                hand.start()
            self._at_work[hand].add(haul)
            hand.loop.call_soon_threadsafe(hand.begin, haul, held)

    def drop(self, haul: Haul) -> None:
        """End it, with what has come by now. No error if it has ended."""
        with self._lock:
            for hand, hauls in self._at_work.items():
                if haul in hauls:
                    hand.loop.call_soon_threadsafe(hand.drop, haul)

    def _idle(self, hand: "_Hand", ended: Haul) -> bool:
        """One of its hauls has ended. Whether that was the last, so that it is to go home."""
        with self._lock:
            self._at_work[hand].discard(ended)
            if self._at_work[hand]:
                return False
            del self._at_work[hand]
            return True


class _Hand(threading.Thread):
    """A thread with a loop of its own: what is ready is read into the one buffer and written before the next."""

    def __init__(self, idle: Callable[["_Hand", Haul], bool]) -> None:
        super().__init__(name="hand", daemon=True)
        self.loop = asyncio.SelectorEventLoop()
        self._idle = idle
        self._buffer = memoryview(bytearray(READ))
        self._carried: set[Haul] = set()

    def run(self) -> None:
        """The thread."""
        self.loop.run_forever()
        self.loop.close()

    def begin(self, haul: Haul, held: bytes | bytearray) -> None:
        """On its loop."""
        self._carried.add(haul)
        self.loop.add_reader(haul, self._more, haul)
        if held and not haul.put(memoryview(held)):
            self._end(haul)

    def drop(self, haul: Haul) -> None:
        """On its loop. What the socket holds now had come before."""
        if haul in self._carried:
            haul.take(self._buffer)
            self._end(haul)

    def _more(self, haul: Haul) -> None:
        if not haul.take(self._buffer):
            self._end(haul)

    def _end(self, haul: Haul) -> None:
        self._carried.discard(haul)
        self.loop.remove_reader(haul)
        if self._idle(self, haul):
            self.loop.stop()
        haul.end()
