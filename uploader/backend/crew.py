"""Several processes that answer on one socket, kept up by the process that made it (Linux and macOS)."""

import logging
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

LOOK = 0.25
"""Seconds between two looks whether all are there."""

GRACE = 10.0

Command = Callable[[int, int], list[str]]
"""How a process is started, from the number of the socket and its place in the crew, which begins at 1."""


class DidNotStart(Exception):
    """A process ended before it answered; it has said why."""


class Crew:
    """`count` processes, each started by the command for its place, each ended by closing its stdin.

    So they end with this process, however it ends. One that ends by itself is replaced, and `lost` told of its place
    before another one has it.
    """

    def __init__(self, command: Command, listener: socket.socket, count: int, lost: Callable[[int], None]) -> None:
        self._command = command
        self._listener = listener
        self._lost = lost
        self._stopping = threading.Event()
        self._crew = [self._start(place) for place in range(1, count + 1)]

    def wait_until_all_answer(self) -> None:
        """Raises DidNotStart."""
        for one in self._crew:
            if one.stdout is None or not one.stdout.readline():
                raise DidNotStart

    def run(self) -> None:
        """Keep the crew complete until a signal comes, and tell all of them to end then."""
        with self._signals():
            while not self._stopping.wait(LOOK):
                self._crew = [
                    one if one.poll() is None else self._replaced(one, place) for place, one in enumerate(self._crew, 1)
                ]
        self._tell()

    def _tell(self) -> None:
        for one in self._crew:
            if one.stdin is not None:
                one.stdin.close()

    def end(self) -> None:
        """Have all of them end; whoever does not within ten seconds is killed."""
        self._tell()
        for one in self._crew:
            try:
                one.wait(GRACE)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
            if one.stdout is not None:
                one.stdout.close()

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        number = self._listener.fileno()
        return subprocess.Popen(
            self._command(number, place), stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(number,)
        )

    def _replaced(self, ended: "subprocess.Popen[bytes]", place: int) -> "subprocess.Popen[bytes]":
        log.warning("A server process ended (%s); another one takes its place", ended.returncode)
        for pipe in (ended.stdin, ended.stdout):
            if pipe is not None:
                pipe.close()
        self._lost(place)
        return self._start(place)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        caught = (signal.SIGTERM, signal.SIGINT)
        before = {one: signal.signal(one, lambda *_: self._stopping.set()) for one in caught}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
