"""Who we are to the server: an access token in memory, a refresh token in the vault, refreshed by one and for all."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from uploader.engine import oauth
from uploader.engine.discovery import Place, discover
from uploader.engine.oauth import Tokens
from uploader.errors import Interrupted, KeyringTrouble, ReelferryError, SignInNeeded, Transient

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

FRESH = 0.8  # of its life, after which a token is replaced while it still works


class Vault(Protocol):
    """Where refresh tokens are kept, one a server. Every method raises KeyringLocked or KeyringAbsent, nothing else."""

    async def load(self, server: str) -> str | None:
        """The token kept for `server`; None if there is none."""
        ...

    async def save(self, server: str, token: str) -> None:
        """Keep `token` for `server` instead of the one before."""
        ...

    async def forget(self, server: str) -> None:
        """Keep nothing for `server`."""
        ...


class MemoryVault:
    """A vault for as long as the program runs: for tests, and where there is no password safe."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    async def load(self, server: str) -> str | None:
        """The token kept for `server`; None if there is none."""
        return self.tokens.get(server)

    async def save(self, server: str, token: str) -> None:
        """Keep `token` for `server` instead of the one before."""
        self.tokens[server] = token

    async def forget(self, server: str) -> None:
        """Keep nothing for `server`."""
        self.tokens.pop(server, None)


class Session:
    """One person's stay with one server.

    `lost` is called when the server no longer takes the refresh token: nothing but a person helps then. Network trouble
    and a locked vault never end a session.
    """

    def __init__(
        self,
        server: str,
        vault: Vault,
        http: "httpx.AsyncClient",
        *,
        clock: Callable[[], float] = time.monotonic,
        lost: Callable[[SignInNeeded], None] = lambda _: None,
    ) -> None:
        self._server, self._vault, self._http = server, vault, http
        self._clock, self._lost = clock, lost
        self._access: str | None = None
        self._refresh: str | None = None
        self._stale_at = self._dead_at = 0.0
        self._kept = True
        self._place: Place | None = None
        self._refreshing: asyncio.Task[str] | None = None

    async def exists(self) -> bool:
        """Whether there is a refresh token at all. KeyringTrouble if that cannot be found out."""
        return (self._refresh or await self._vault.load(self._server)) is not None

    async def access(self, *, rejected: str | None = None) -> str:
        """A token to show to the server, and not the one it has just `rejected`.

        SignInNeeded, KeyringTrouble, or what the network did.
        """
        now, token = self._clock(), self._access
        usable = token is not None and token != rejected and now < self._dead_at
        if usable and token is not None and now < self._stale_at:
            return token
        try:
            return await self._refreshed()
        except (Transient, KeyringTrouble):
            if usable and token is not None:
                return token
            raise

    async def begin(self, tokens: Tokens) -> None:
        """Somebody has signed in. KeyringTrouble if that will not outlive the program; the session is good even so."""
        self._hold(tokens)
        try:
            if tokens.refresh is None:  # what an earlier sign-in left would speak for somebody else
                self._forget()
                await self._vault.forget(self._server)
            await self._keep()
        finally:
            self._use(tokens)

    async def end(self) -> None:
        """Sign out: here at once, on the server if it can be reached. KeyringTrouble if the vault keeps its token."""
        if self._refreshing is not None:
            await asyncio.wait({self._refreshing})
        token = self._refresh
        try:
            token = token or await self._vault.load(self._server)
            await self._vault.forget(self._server)
        finally:
            self._forget()
            if token is not None:
                await self._revoke(token)

    async def aclose(self) -> None:
        """Let a refresh under way come to its end, and keep what it brought."""
        if self._refreshing is not None:
            await asyncio.wait({self._refreshing})
        if not self._kept:
            await self._try_to_keep()

    async def _refreshed(self) -> str:
        """One refresh at a time, however many ask; a caller that is cancelled does not break it off."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh_now(), name="refresh")
            self._refreshing.add_done_callback(self._refresh_done)
        return await asyncio.shield(self._refreshing)

    def _refresh_done(self, task: asyncio.Task[str]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # every caller has seen it, or is gone

    async def _refresh_now(self) -> str:
        token = await self._current()
        if token is None:
            raise SignInNeeded("no refresh token")
        try:
            tokens = await self._next(token)
        except SignInNeeded as error:
            tokens = await self._after_death(token, error)
        self._hold(tokens)
        await self._try_to_keep()
        self._use(tokens)
        return tokens.access

    async def _current(self) -> str | None:
        """The vault's token, which another process may have renewed; ours if it is newer or the vault does not open."""
        if not self._kept:
            return self._refresh
        try:
            return await self._vault.load(self._server) or self._refresh
        except KeyringTrouble:
            if self._refresh is None:
                raise
            return self._refresh

    async def _next(self, token: str) -> Tokens:
        if self._place is None:
            self._place = await discover(self._http, self._server)
        try:
            return await oauth.refresh(self._http, self._place, token)
        except Interrupted:  # the reply may be lost and the token used up: for a moment the server takes it again
            return await oauth.refresh(self._http, self._place, token)

    async def _after_death(self, dead: str, error: SignInNeeded) -> Tokens:
        """The refresh token is no longer good. If another process has put a newer one into the vault, take that."""
        try:
            kept = await self._vault.load(self._server)
            if kept is not None and kept != dead:
                with suppress(SignInNeeded):
                    return await self._next(kept)
            await self._vault.forget(self._server)
        except KeyringTrouble as trouble:
            log.info("a dead token stays in the vault: %s", trouble)
        self._forget()
        self._lost(error)
        raise error

    def _hold(self, tokens: Tokens) -> None:
        if tokens.refresh is not None:
            self._refresh, self._kept = tokens.refresh, False

    def _use(self, tokens: Tokens) -> None:
        now = self._clock()
        self._access = tokens.access
        self._stale_at, self._dead_at = now + FRESH * tokens.lifetime, now + tokens.lifetime

    def _forget(self) -> None:
        self._access = self._refresh = None
        self._kept = True

    async def _keep(self) -> None:
        if not self._kept and self._refresh is not None:
            await self._vault.save(self._server, self._refresh)
            self._kept = True

    async def _try_to_keep(self) -> None:
        try:
            await self._keep()
        except KeyringTrouble as trouble:
            log.info("the new refresh token is only in memory: %s", trouble)

    async def _revoke(self, token: str) -> None:
        try:
            self._place = self._place or await discover(self._http, self._server)
            await oauth.revoke(self._http, self._place, token)
        except ReelferryError as error:
            log.info("signed out here, but the server could not be told: %s", error)
