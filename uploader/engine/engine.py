"""The engine: everything that works for one person and one server, put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from uploader import media
from uploader.engine.account import AccountKeeper
from uploader.engine.allowance import Allowance
from uploader.engine.client import Client
from uploader.engine.clock import Clock
from uploader.engine.facts import Fact
from uploader.engine.http import api_client, upload_client
from uploader.engine.job import Trouble
from uploader.engine.limit import Limiter
from uploader.engine.network import NetworkWatch
from uploader.engine.news import News
from uploader.engine.pending import PendingPosts
from uploader.engine.prepare import tidy
from uploader.engine.proxies import is_loopback
from uploader.engine.queue import Queue
from uploader.engine.rate import Pace
from uploader.engine.session import Session, Vault
from uploader.engine.store import Store
from uploader.engine.surroundings import Permission, Surroundings
from uploader.engine.wakefulness import Inhibitor, NoInhibitor, Wakefulness
from uploader.engine.way_out import Way, WayOut
from uploader.engine.work import Media, World
from uploader.errors import SignInNeeded
from uploader.paths import Paths
from uploader.uplink import Uplink
from uploader.wire import EVENTS

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)


class Engine:
    """One queue, one account, one server. Lives on the loop it was opened on; `open` makes one."""

    def __init__(
        self,
        *,
        store: Store,
        server: str,
        vault: Vault,
        way_out: WayOut,
        api: "httpx.AsyncClient",
        uploads: "httpx.AsyncClient",
        paths: Paths,
        emit: Callable[[Fact], None],
        uplink: Uplink,
        keep: Callable[[Uplink], object],
        clock: Clock,
        pace: Pace,
        look: Media,
        here: Surroundings,
        pause_when_metered: bool,
        inhibitor: Inhibitor,
    ) -> None:
        self._way_out = way_out
        self.session = Session(server, vault, api, lost=self._lost)
        self.client = Client(api, self.session)
        self.network = NetworkWatch(self._probe, emit, self._back, clock, self._portal)
        self.account = AccountKeeper(
            server,
            api,
            self.session,
            self.client,
            emit,
            signed_in=self._signed_in,
            heard=self.network.asked,
            clock=clock,
        )
        limiter = Limiter(clock)
        world = World(
            backend=self.client,
            http=uploads,
            media=look,
            thumbnails=paths.thumbnails,
            limits=self.account.limits,
            heard=self.network.heard,
            on_rate=self.network.rate,
            clock=clock,
            pace=pace,
            limiter=limiter,
            news=News(self.client.events, self._events_offered, clock),
        )
        emit(self.account.fact)
        emit(self.network.fact)
        self._wakefulness = Wakefulness(inhibitor, clock, server_is_here=is_loopback(urlsplit(server).hostname or ""))

        def tell(fact: Fact) -> None:
            self._wakefulness.take(fact)
            emit(fact)

        self.queue = Queue(store, world, tell, slots=uplink.slots)
        self.posts = PendingPosts(self.client, self.queue)
        self.allowance = Allowance(uplink, limiter, self.queue, emit=emit, keep=keep, clock=clock)
        self.permission = Permission(self._hold, pause_when_metered=pause_when_metered)
        self.permission.look(here)
        self.notes: tuple[Trouble, ...] = store.notes

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        paths: Paths,
        server: str,
        vault: Vault,
        emit: Callable[[Fact], None],
        run: bool = True,
        uplink: Uplink = Uplink(),  # noqa: B008  (frozen)
        keep: Callable[[Uplink], object] = lambda _: None,
        way: Way = Way(),  # noqa: B008  (frozen)
        clock: Clock = Clock(),  # noqa: B008  (frozen)
        pace: Pace | None = None,
        look: Media = media,
        here: Surroundings = Surroundings(),  # noqa: B008  (frozen)
        pause_when_metered: bool = True,
        inhibitor: Inhibitor = NoInhibitor(),  # noqa: B008  (has no state)
    ) -> AsyncIterator["Engine"]:
        """An engine for as long as the context lasts. Without `run` nothing moves by itself: for looking and editing.

        `emit` is called on this loop with every fact, first with all that is known. `notes` says, in words, what was
        wrong with the queue on disk. DiskFull or QueueNotSaved if there can be no queue. `uplink` is how much of the
        line uploads may take; `keep` is called, in a thread, with what is chosen later. `way` is how connections leave
        this computer, `here` the network it is on, `inhibitor` how it is asked not to sleep. `clock`, `pace` and `look`
        (time, patience, what looks into files) are for tests to bring their own.
        """
        paths.make()
        store = Store.open(paths.queue)  # not in a thread: cancelled there, it would be left open
        try:
            way_out = WayOut(way, vault)
            async with api_client(server, way_out) as api, upload_client(way_out) as uploads:
                engine = cls(
                    store=store,
                    server=server,
                    vault=vault,
                    way_out=way_out,
                    api=api,
                    uploads=uploads,
                    paths=paths,
                    emit=emit,
                    uplink=uplink,
                    keep=keep,
                    clock=clock,
                    pace=pace or Pace(),
                    look=look,
                    here=here,
                    pause_when_metered=pause_when_metered,
                    inhibitor=inhibitor,
                )
                tidy(paths.thumbnails, {job.id for job in engine.queue.jobs})
                tasks = engine._start() if run else []
                try:
                    yield engine
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await engine.queue.close()
                    await engine.session.aclose()
        finally:
            await asyncio.to_thread(store.close)

    def network_changed(self) -> None:
        """This computer's network is not what it was: look at once whether the server can be reached over this one."""
        self.network.network_changed()
        self.queue.network_changed()

    def connect_by(self, way: Way) -> None:
        """Leave this computer another way, beginning with the next connection, and try at once what waited."""
        self._way_out.take(way)
        self._back()

    def _start(self) -> list[asyncio.Task[None]]:
        self.queue.start()
        return [
            _background(self.account.run(), "account"),
            _background(self.network.run(), "network"),
            _background(self.allowance.run(), "allowance"),
            _background(self._wakefulness.run(), "wakefulness"),
        ]

    def _hold(self, why: Trouble | None) -> None:
        self.queue.hold("network", why)
        self.network.held(why)

    def _portal(self, seen: bool) -> None:
        self.permission.portal(seen)

    def _events_offered(self) -> bool:
        limits = self.account.limits()
        return limits is not None and EVENTS in limits.capabilities

    async def _probe(self) -> None:
        await self.client.config()

    def _back(self) -> None:
        self.queue.retry_now()
        self.account.wake()

    def _signed_in(self) -> None:
        self.queue.signed_in()

    def _lost(self, error: SignInNeeded) -> None:
        self.account.lost(error)


def _background(work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended by itself", task.get_name(), exc_info=error)
