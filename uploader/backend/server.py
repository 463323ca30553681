"""Builds the backend from its configuration and lets it run: in this thread, or beside a test."""

import asyncio
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import uvicorn
from sqlalchemy.exc import DatabaseError
from uvicorn.server import HANDLED_SIGNALS

from uploader.backend import abandoned, folder_mark, following, idempotency, jobs, measuring, pruning, publishing
from uploader.backend.accounts.issuer import Issuer
from uploader.backend.app import create_app
from uploader.backend.config import Config, ConfigProblems
from uploader.backend.context import Backend
from uploader.backend.data_lock import InUse, hold
from uploader.backend.forgetting import forgetter
from uploader.backend.observer import Observer
from uploader.backend.providers import PROVIDERS, MakeProvider
from uploader.backend.publisher import Publisher
from uploader.backend.receiver import receiver
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import DatabaseTooNew, migrate
from uploader.backend.store.models import now
from uploader.backend.timed import Timed

log = logging.getLogger(__name__)

TICK, A_DAY = 0.1, 864_000
"""Seconds between two beats of uvicorn's main loop, and when it begins to count them anew."""

LOOK = 0.01

GRACE = 1.0
"""Seconds that requests in flight have after the signal to stop. Then their connections are closed, as networks do."""


class Server(uvicorn.Server):
    """Ends within seconds and without noise, whatever connections are open."""

    def __init__(self, config: uvicorn.Config, before_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_end = before_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Have it end. In any thread, also in a signal handler, and before it has begun."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._ended.set)

    async def main_loop(self) -> None:
        """As uvicorn's own, which looks ten times a second whether it should end; this one is told as well."""
        self._loop = asyncio.get_running_loop()
        tick = 0
        while not await self.on_tick(tick):
            tick = (tick + 1) % A_DAY
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams end by themselves, then requests in flight, then hang up."""
        await accept_no_more(self.servers)
        self._before_end()
        for server in self.servers:
            server.close()
        began, patience = time.monotonic(), self.config.timeout_graceful_shutdown
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:
            waited = time.monotonic() - began
            self._let_go(hang_up=waited >= GRACE)
            if patience is not None and waited >= patience:
                patience = None
                for task in self.server_state.tasks:
                    task.cancel()
            await asyncio.sleep(LOOK)
        self._let_go(hang_up=True)
        await asyncio.sleep(0)  # the loop has to hear of it before it closes

    def _let_go(self, *, hang_up: bool) -> None:
        """Close connections without a request, and the others once they have answered; or all of them now."""
        for connection in list(self.server_state.connections):
            if not hang_up:
                connection.shutdown()
            elif connection.transport is not None:
                connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's own, but the signal is not raised again afterwards: the caller still has to put things away."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


async def accept_no_more(servers: Iterable[asyncio.Server]) -> None:
    """Let connections wait from now on, and those that were accepted a moment ago become ones.

    asyncio loses track of those, and leaves their sockets open, where a server is closed at once.
    """
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows' loop does not watch its listeners in this way
        for listener in [listener for server in servers for listener in server.sockets]:
            loop.remove_reader(listener.fileno())
    for _ in range(3):  # turns: the task that makes it one, the one that it waits for, its end
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A backend that listens but does not answer yet: `server.run(sockets=[socket])` makes it."""

    backend: Backend
    server: Server
    socket: socket.socket

    def run(self) -> None:
        """Answer until a signal, or `server.end()`."""
        self.server.run(sockets=[self.socket])


@contextmanager
def prepared(
    config: Config,
    providers: Mapping[str, MakeProvider] = PROVIDERS,
    clock: Callable[[], datetime] = now,
) -> Iterator[Prepared]:
    """Everything built and migrated, the workers at work. ConfigProblems where the start is not possible."""
    figures = measuring.counting(config)
    with (
        listening(config) as listener,
        built(config, config.public_url or address(listener), providers, figures, clock) as backend,
        measuring.shown(config, figures, backend.database),
        working(backend),
    ):
        yield Prepared(backend, _server(backend), listener)


@contextmanager
def one_of_several(config: Config, listener: socket.socket, observer: Observer | None) -> Iterator[Prepared]:
    """As `prepared`, on a socket that another process made, which does the jobs and shows the figures."""
    with built(config, config.public_url or address(listener), observer=observer) as backend:
        yield Prepared(backend, _server(backend), listener)


@contextmanager
def built(
    config: Config,
    base_url: str,
    providers: Mapping[str, MakeProvider] = PROVIDERS,
    observer: Observer | None = None,
    clock: Callable[[], datetime] = now,
) -> Iterator[Backend]:
    """The parts of a server that do not answer yet, and do no jobs. ConfigProblems where that is not possible."""
    if config.provider not in providers:
        known = " or ".join(providers)
        raise ConfigProblems([f"VIDEO_PROVIDER={config.provider} is not known. Use {known}."])
    try:
        with hold(config.data, config.sqlite_file), opened(config) as database:
            folder_mark.check(config, database)
            _take_over(database)
            found = {name: make(config, base_url, database) for name, make in providers.items()}
            made = {name: provider for name, provider in found.items() if provider is not None}
            if config.provider not in made:
                raise ConfigProblems([f"VIDEO_PROVIDER={config.provider} lacks variables that it needs."])
            if observer is not None:
                made = {name: Timed(provider, observer) for name, provider in made.items()}
            issuer = Issuer(config.issuer, database, clock) if config.issuer else None
            backend = Backend(config, database, made, clock, base_url, issuer, observer=observer or Observer())
            with closing(backend.streams):
                yield backend
    except InUse as error:
        raise ConfigProblems([f"Another server is already using {error}."]) from None


@contextmanager
def listening(config: Config) -> Iterator[socket.socket]:
    """A listening socket. ConfigProblems if the port is taken."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # with the protocol named, asyncio switches Nagle's algorithm off: 1 ms a reply instead of 40
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        if sys.platform != "win32":  # there it would let others take the port over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, config.port))
        except OSError as error:
            raise ConfigProblems([f"Cannot listen on {config.host} port {config.port}: {error.strerror}."]) from error
        listener.listen(512)
        yield listener


def address(listener: socket.socket) -> str:
    """Where the socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """The database at the newest schema. ConfigProblems if it cannot be reached or was written by a later version."""
    database = Database(config.database_url)
    try:
        _bring_up_to_date(database)
        yield database
    finally:
        database.close()


def _bring_up_to_date(database: Database) -> None:
    try:
        migrate(database)
    except DatabaseTooNew:
        raise ConfigProblems(["The database was written by a newer Reelferry. Install that version."]) from None
    except DatabaseError as error:
        raise ConfigProblems([f"The database did not open: {error.orig}."]) from error


def _take_over(database: Database) -> None:
    """What a killed server held is free at once; on SQLite we are the only server, because we hold its folder."""
    if database.dialect == "sqlite":
        with database.write() as session:
            jobs.release_all(session)
            idempotency.release_all(session)


@contextmanager
def working(backend: Backend) -> Iterator[None]:
    """One worker for each kind of job, so that a long one never keeps a short one waiting."""
    handlers: dict[str, jobs.Handler] = {
        "forget": forgetter(backend.providers),
        publishing.JOB: Publisher(backend.database, backend.providers, backend.clock),
        **following.handlers(backend),
        **abandoned.handlers(backend),
        **pruning.handlers(backend),
    }
    for provider in backend.providers.values():
        handlers |= provider.handlers()
    workers = [
        jobs.Worker(backend.database, {kind: handler}, observer=backend.observer) for kind, handler in handlers.items()
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for provider in backend.providers.values():
            provider.stop()
        for worker in workers:
            worker.join()


def _server(backend: Backend) -> Server:
    def stop() -> None:
        backend.streams.stop()
        for provider in backend.providers.values():
            provider.stop()

    config = uvicorn.Config(
        create_app(backend),
        http=receiver(),  # type: ignore[arg-type]  # anything that makes a protocol
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    return Server(config, stop)


@contextmanager
def running(
    config: Config, providers: Mapping[str, MakeProvider] = PROVIDERS, clock: Callable[[], datetime] = now
) -> Iterator[Backend]:
    """The whole server in a thread of its own, answering when the block begins, gone when it ends: for tests."""
    with prepared(config, providers, clock) as ready:
        thread = threading.Thread(target=ready.run, name="server")
        thread.start()
        try:
            yield ready.backend
        finally:
            ready.server.end()
            thread.join()
