"""The only module that sees a secret at rest: refresh tokens in the operating system's password safe.

*Locked*, *absent* and *empty* are three different answers: `KeyringLocked`, `KeyringAbsent`, and None.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import keyring
import keyring.core
import keyring.errors
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from uploader.errors import KeyringAbsent, KeyringLocked, ReelferryError

log = logging.getLogger(__name__)

SERVICE = "Reelferry"
PATIENCE = 20.0

T = TypeVar("T")


class KeyringVault:
    """Keeps one refresh token a server in the password safe.

    A locked safe may show a prompt of its own and answer only when somebody has answered it. So every call runs in one
    worker thread and is waited for `patience` seconds at most; then it is `KeyringLocked`, while the thread waits on
    and still does what it was asked, in the order asked.
    """

    def __init__(self, *, patience: float = PATIENCE, find: Callable[[], KeyringBackend] | None = None) -> None:
        self._patience = patience
        self._find = find or _of_this_system
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def load(self, server: str) -> str | None:
        """The token kept for `server`; None if there is none."""
        return await self._ask(lambda safe: safe.get_password(SERVICE, server))

    async def save(self, server: str, token: str) -> None:
        """Keep `token` for `server` instead of the one before."""
        await self._ask(lambda safe: safe.set_password(SERVICE, server, token))

    async def forget(self, server: str) -> None:
        """Keep nothing for `server`; it is no error if nothing was kept."""
        await self._ask(lambda safe: _delete(safe, server))

    async def _ask(self, wish: Callable[[KeyringBackend], T]) -> T:
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # from here on nobody can cancel it: a save is done even if late

        def work() -> None:
            try:
                with _translated():
                    answer.set_result(wish(choose(self._find())))
            except ReelferryError as error:
                answer.set_exception(error)

        self._wishes.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="keychain", daemon=True)
            self._thread.start()
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise KeyringLocked(f"no answer in {self._patience:g} s: probably a prompt is open") from None

    def _serve(self) -> None:
        while True:
            self._wishes.get()()


def choose(found: KeyringBackend) -> KeyringBackend:
    """The first safe among what keyring found. KeyringAbsent if none of it really keeps secrets."""
    candidates = found.backends if isinstance(found, chainer.ChainerBackend) else [found]
    for candidate in candidates:
        if _keeps_secrets(candidate):
            return candidate
    raise KeyringAbsent("only " + (", ".join(f"{type(each).__module__}" for each in candidates) or "an empty chain"))


def _keeps_secrets(backend: KeyringBackend) -> bool:
    """Not those that keep nothing, and not those of keyrings.alt, which keep plain text in a file."""
    if isinstance(backend, fail.Keyring | null.Keyring | chainer.ChainerBackend):
        return False
    return not any(
        kind.__module__.startswith("keyrings.alt") or "plaintext" in kind.__name__.lower()
        for kind in type(backend).mro()
    )


def _of_this_system() -> KeyringBackend:
    """What keyring finds now: a safe may have been started since it looked last."""
    found = keyring.get_keyring()
    if not _keeps_secrets(found):
        keyring.core.init_backend()
        found = keyring.get_keyring()
    return found


def _delete(safe: KeyringBackend, server: str) -> None:
    try:
        safe.delete_password(SERVICE, server)
    except keyring.errors.PasswordDeleteError:
        if safe.get_password(SERVICE, server) is not None:
            raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ReelferryError:
        raise
    except keyring.errors.KeyringLocked as error:
        raise KeyringLocked(str(error)) from error
    except (keyring.errors.InitError, keyring.errors.NoKeyringError) as error:
        raise KeyringAbsent(str(error)) from error
    except Exception as error:  # the backends let D-Bus, Win32 and Keychain errors of any class through
        log.debug("The password safe failed", exc_info=True)
        detail = f"{type(error).__name__}: {error}"
        raise KeyringLocked(detail, title="Your password safe did not answer") from error
