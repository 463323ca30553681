"""One engine a data folder: whoever holds the lock runs it, and every other process hands its commands over to it.

A conversation is JSON messages over a local socket that only this user can open: both sides say hello, the other
process sends one command, the owner sends replies, the last of them `{"type": "end"}` or `{"type": "error", …}`.
"""

import asyncio
import contextlib
import json
import logging
import os
import queue
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import CancelledError
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from uploader import errors
from uploader.paths import Paths

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = logging.getLogger(__name__)

VERSION = 1
PATIENCE = 15.0

Message = Mapping[str, Any]
"""One JSON object."""

Answer = Callable[[Message], AsyncGenerator[Message, None]]
"""A command -> the replies to it. What it raises from `uploader.errors` reaches the process that asked."""

T = TypeVar("T")


class Owner:
    """Holds the lock of a data folder for as long as it lives, and answers the others once it `serve`s."""

    def __init__(self, paths: Paths, lock: IO[bytes]) -> None:
        self._lock = lock
        self._card = _card(paths)
        self._closing = threading.Event()
        self._listener: Listener | None = None
        self._threads: list[threading.Thread] = []
        self._key = secrets.token_bytes(32)
        self._ending = contextlib.ExitStack()
        self._address = _free_address(paths.data, self._ending)

    @classmethod
    def claim(cls, paths: Paths) -> "Owner":
        """Take the lock. QueueInUse if another process has it; a process that died has not."""
        paths.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (paths.data / "engine.lock").open("ab")
        try:
            _take(lock)
        except OSError as error:
            lock.close()
            raise errors.QueueInUse(str(error)) from error
        _card(paths).unlink(missing_ok=True)
        return cls(paths, lock)

    def serve(self, loop: asyncio.AbstractEventLoop, answer: Answer) -> None:
        """Answer other processes from now on; `answer` runs on `loop`."""
        self._listener = Listener(self._address, authkey=self._key)
        listening = threading.Thread(
            target=self._listen, args=(self._listener, loop, answer), name="instance", daemon=True
        )
        listening.start()
        self._threads.append(listening)
        card = {"version": VERSION, "address": self._address, "key": self._key.hex()}
        draft = self._card.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(card, file)
        draft.replace(self._card)

    def close(self) -> None:
        """Answer nobody any more, end the conversations under way and give the lock back."""
        self._closing.set()
        self._card.unlink(missing_ok=True)
        if self._listener:
            with contextlib.suppress(OSError):
                Client(self._address).close()  # nothing else wakes a thread that accepts
            for thread in self._threads:
                thread.join(2)
            self._listener.close()
        self._ending.close()
        self._lock.close()

    def _listen(self, listener: Listener, loop: asyncio.AbstractEventLoop, answer: Answer) -> None:
        while not self._closing.is_set():
            try:
                connection = listener.accept()
            except (OSError, EOFError, AuthenticationError) as error:
                log.debug("Somebody knocked and went away: %r", error)
                self._closing.wait(0.1)
                continue
            thread = threading.Thread(target=self._converse, args=(connection, loop, answer), name="handed over")
            thread.daemon = True
            self._threads = [old for old in self._threads if old.is_alive()] + [thread]
            thread.start()

    def _converse(self, connection: Connection, loop: asyncio.AbstractEventLoop, answer: Answer) -> None:
        def look() -> None:
            if self._closing.is_set():
                raise _gone(None)
            if connection.poll(0):
                connection.recv_bytes()  # raises EOFError: it has nothing more to say but that it is gone

        with connection, contextlib.suppress(OSError, EOFError):
            try:
                _send(connection, {"product": "reelferry", "version": VERSION})
                if _receive(connection, PATIENCE).get("version") != VERSION:
                    return
                command = _receive(connection, PATIENCE)
                for reply in follow(loop, answer(command), look):
                    _send(connection, reply)
                _send(connection, {"type": "end"})
            except errors.ReelferryError as error:
                _send(connection, error_message(error))
            except (OSError, EOFError):
                raise
            except Exception as error:
                log.exception("A command that was handed over failed")
                _send(connection, error_message(errors.Unexpected(repr(error))))


def ask(paths: Paths, command: Message, *, patience: float = PATIENCE) -> Generator[Message, None, None]:
    """Hand `command` over to the process that owns the engine, and yield its replies; blocks in between.

    Raises what the owner raised; QueueInUse if it does not answer in `patience` seconds or is of another version;
    Interrupted if it ends before the last reply.
    """
    with _reach(paths, patience) as connection:
        try:
            _send(connection, {"product": "reelferry", "version": VERSION})
            if _receive(connection, patience).get("version") != VERSION:
                raise errors.QueueInUse(
                    "another version", title="Another version of Reelferry is running", hint="Close it, then try again."
                )
            _send(connection, command)
            while (reply := _receive(connection)).get("type") != "end":
                if reply.get("type") == "error":
                    raise as_error(reply)
                yield reply
        except (OSError, EOFError) as error:
            raise _gone(error) from error


def follow(
    loop: asyncio.AbstractEventLoop, source: AsyncGenerator[T, None], look: Callable[[], None], *, every: float = 0.5
) -> Generator[T, None, None]:
    """What `source` yields on `loop`, in this thread. `look` is called in between and may raise to end it."""
    nothing_more: Final = object()
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def pump() -> None:
        try:
            async with contextlib.aclosing(source):
                async for item in source:
                    found.put(item)
        finally:
            found.put(nothing_more)

    work = pump()
    try:
        pumping = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:  # the loop is closed
        work.close()
        raise errors.Interrupted(str(error)) from error
    try:
        while True:
            try:
                item = found.get(timeout=every)
            except queue.Empty:
                look()
                continue
            if item is nothing_more:
                pumping.result(PATIENCE)
                return
            yield item
            look()
    except CancelledError as error:
        raise errors.Interrupted("the engine was stopped") from error
    finally:
        pumping.cancel()


def error_message(error: errors.ReelferryError) -> dict[str, str]:
    """An error as a message. Its `detail` stays in this process's log."""
    return {"type": "error", "code": error.code, "error": error.title, "hint": error.hint}


def as_error(message: Message) -> errors.ReelferryError:
    """The error that a message tells of; Unexpected if this version does not know its code."""
    kinds = {kind.code: kind for kind in _descendants(errors.ReelferryError) if hasattr(kind, "code")}
    kind = kinds.get(message["code"], errors.Unexpected)
    return kind(title=message["error"], hint=message["hint"])


def _descendants(kind: type[errors.ReelferryError]) -> list[type[errors.ReelferryError]]:
    return [each for child in kind.__subclasses__() for each in (child, *_descendants(child))]


def _reach(paths: Paths, patience: float) -> Connection:
    """A connection to the owner, who may be starting up just now."""
    deadline = time.monotonic() + patience
    while True:
        try:
            card = json.loads(_card(paths).read_bytes())
            return Client(card["address"], authkey=bytes.fromhex(card["key"]))
        except (OSError, EOFError, ValueError, KeyError, AuthenticationError) as error:
            if not _is_taken(paths):
                raise _gone(error) from error
            if time.monotonic() > deadline:
                raise errors.QueueInUse(
                    repr(error),
                    title="Reelferry is already running, but does not answer",
                    hint="Close it, then try again.",
                ) from error
        time.sleep(0.05)


def _card(paths: Paths) -> Path:
    """The file that says how to reach the owner; readable by this user only."""
    return paths.data / "engine.json"


def _free_address(folder: Path, ending: contextlib.ExitStack) -> str:
    """Where to listen: Windows has pipes; elsewhere it is a socket file, whose path may have some 100 bytes only.

    What has to be made for it goes with `ending`.
    """
    if sys.platform == "win32":
        return rf"\\.\pipe\reelferry-{secrets.token_hex(16)}"
    socket = folder / "engine.sock"
    if len(os.fsencode(socket)) > 100:
        elsewhere = tempfile.mkdtemp(prefix="reelferry-")
        ending.callback(shutil.rmtree, elsewhere, ignore_errors=True)
        socket = Path(elsewhere) / "engine.sock"
    socket.unlink(missing_ok=True)
    return str(socket)


def _gone(reason: Exception | None) -> errors.Interrupted:
    return errors.Interrupted(repr(reason), title="The other Reelferry was closed", hint="What it had is kept.")


def _is_taken(paths: Paths) -> bool:
    try:
        with (paths.data / "engine.lock").open("ab") as lock:
            _take(lock)
    except OSError:
        return True
    return False


def _take(lock: IO[bytes]) -> None:
    if sys.platform == "win32":
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _send(connection: Connection, message: Message) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _receive(connection: Connection, patience: float | None = None) -> dict[str, Any]:
    if not connection.poll(patience):
        raise EOFError("silence")
    message: dict[str, Any] = json.loads(connection.recv_bytes())
    return message
