"""How a command reaches the engine: in the process that has it open, or in one opened here for as long as it takes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

from anyio.from_thread import start_blocking_portal

from uploader import settings
from uploader.engine import inhibitors
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.instance import Message, Owner, ask, follow
from uploader.engine.session import Vault
from uploader.engine.surroundings import Surroundings
from uploader.engine.wakefulness import NoInhibitor
from uploader.engine.way_out import Way
from uploader.errors import QueueInUse, SignInNeeded
from uploader.keychain import KeyringVault
from uploader.local_server import LocalServer, Started, kept_address
from uploader.paths import Paths

Ask = Callable[[Message], Iterator[Message]]
"""A command -> its replies, blocking in between. Raises from `uploader.errors`."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An engine that takes commands; `elsewhere` if it is another process's, which goes on with them after we end."""

    ask: Ask
    elsewhere: bool


@contextmanager
def engine(paths: Paths, *, run: bool, online: bool = False) -> Iterator[Reached]:
    """The engine of this user; one of ours if nobody has it open.

    Ours moves bytes only if `run`; unless that or `online`, it does not need a server that can be reached. SignInNeeded
    if no server was ever chosen.
    """
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        yield Reached(lambda command: ask(paths, command), elsewhere=True)
        return
    with closing(owner), start_blocking_portal() as portal:
        opened = open_engine(paths, chosen_server(paths), KeyringVault(), run=run, online=run or online)
        with portal.wrap_async_context_manager(opened) as at:
            loop, commands = portal.call(asyncio.get_running_loop), Commands(at.engine)
            owner.serve(loop, commands.answer)
            yield Reached(lambda command: follow(loop, commands.answer(command), lambda: None), elsewhere=False)
            owner.close()  # whoever handed something over hears of the end while there is an engine to leave


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine of ours, and the embedded server beside it if that was started."""

    engine: Engine
    started: Started | None

    def way_in(self, sign_in_url: str) -> str:
        """The page to open for a sign-in."""
        return self.started.way_in(sign_in_url) if self.started else sign_in_url


@asynccontextmanager
async def open_engine(paths: Paths, server: str, vault: Vault, *, run: bool, online: bool) -> AsyncIterator[Opened]:
    """Open the engine, with the embedded server started first if `server` is `LOCAL` and it is needed (`online`)."""
    local, started = LocalServer(), None
    try:
        address = server
        if server == settings.LOCAL and online:
            started = await local.start(paths)
            address = started.url
        elif server == settings.LOCAL:
            address = kept_address(paths) or "http://127.0.0.1:0"
        chosen = settings.load(paths.settings)
        opening = Engine.open(
            paths=paths,
            server=address,
            vault=vault,
            emit=lambda _: None,
            run=run,
            uplink=chosen.uplink,
            keep=lambda uplink: settings.keep_uplink(paths.settings, uplink),
            way=Way.of(chosen),
            pause_when_metered=chosen.pause_when_metered,
            inhibitor=inhibitors.of_this_system() if run else NoInhibitor(),
        )
        async with opening as opened, _surroundings(opened):
            yield Opened(opened, started)
    finally:
        await local.stop()


@asynccontextmanager
async def _surroundings(engine: Engine) -> AsyncIterator[None]:
    """Have the engine know what network this is, where there is somebody to say so."""
    if sys.platform != "linux":
        yield
        return
    from uploader.engine import network_manager  # noqa: PLC0415  (D-Bus is where Linux is)

    before: Surroundings | None = None

    def heard(here: Surroundings) -> None:
        nonlocal before
        engine.permission.look(here)
        if before not in {None, here}:
            engine.network_changed()
        before = here

    following = asyncio.create_task(network_manager.follow(heard), name="NetworkManager")
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def chosen_server(paths: Paths) -> str:
    """The server the user chose. SignInNeeded if none was chosen yet."""
    server = settings.load(paths.settings).server
    if server is None:
        raise SignInNeeded(
            title="Reelferry does not know its server yet",
            hint="Run `reelferry login --local` for this computer, or `reelferry login --server ADDRESS`.",
        )
    return server
