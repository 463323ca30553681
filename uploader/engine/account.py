"""The account: whether somebody is signed in, who, where they may post, and what the server takes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from uploader.engine.carry import trouble
from uploader.engine.client import Client
from uploader.engine.clock import Clock
from uploader.engine.device import Invitation, sign_in_elsewhere
from uploader.engine.facts import Account, AccountState
from uploader.engine.job import Trouble
from uploader.engine.oauth import Tokens
from uploader.engine.retry import Backoff
from uploader.engine.session import Session
from uploader.engine.sign_in import sign_in
from uploader.errors import KeyringAbsent, KeyringTrouble, NotSignedOut, ReelferryError, SignInNeeded, Transient
from uploader.wire import ServerConfig

if TYPE_CHECKING:
    import httpx

UNSURE = frozenset({AccountState.UNKNOWN, AccountState.KEYRING_LOCKED, AccountState.KEYRING_ABSENT})


class AccountKeeper:
    """Keeps the account's facts up to date. Lives on the engine's loop.

    `signed_in` is called when requests may work again that needed somebody signed in; `heard` is told what asking the
    server met, and None when it answered.
    """

    def __init__(
        self,
        server: str,
        http: "httpx.AsyncClient",
        session: Session,
        client: Client,
        emit: Callable[[Account], None],
        *,
        signed_in: Callable[[], None],
        heard: Callable[[ReelferryError | None], None],
        clock: Clock,
    ) -> None:
        self._server = server
        self._http = http
        self._session = session
        self._client = client
        self._emit = emit
        self._signed_in = signed_in
        self._heard = heard
        self._clock = clock
        self._fact = Account()
        self._unsaved: Trouble | None = None
        self._one_at_a_time = asyncio.Lock()
        self._woken = asyncio.Event()

    @property
    def fact(self) -> Account:
        """What is known now."""
        return self._fact

    def limits(self) -> ServerConfig | None:
        """What the server takes, if it has said so."""
        return self._fact.config

    async def run(self) -> None:
        """Ask at the start, and again until the server has answered, for as long as the engine runs."""
        backoff = Backoff(self._clock.random)
        while True:
            self._woken.clear()
            delay: float | None = None
            error = await self._look()
            if isinstance(error, Transient):
                delay = backoff.failed(error.retry_after)
            else:
                backoff.reset()
            await self._clock.nap(delay, self._woken)

    def wake(self) -> None:
        """Ask again now: the network is back."""
        self._woken.set()

    async def refresh(self) -> None:
        """Ask for everything once more, the password safe included. What goes wrong is in the fact."""
        await self._look()

    async def sign_in(self, open_url: Callable[[str], object]) -> None:
        """Let a person sign in in the browser that `open_url` opens. SignInFailed, NotAServer, or network trouble."""
        await self._begin(await sign_in(self._server, self._http, open_url))

    async def sign_in_elsewhere(self, show: Callable[[Invitation], object]) -> None:
        """Let a person sign in at another computer, with the code that `show` is given. Raises as `sign_in` does."""
        await self._begin(await sign_in_elsewhere(self._server, self._http, show))

    async def _begin(self, tokens: Tokens) -> None:
        self._unsaved = None
        try:
            await self._session.begin(tokens)
        except KeyringTrouble as error:
            self._unsaved = trouble(error)
        self._say(state=AccountState.SIGNED_IN, me=None, communities=(), trouble=self._unsaved)
        await self._look()
        self._signed_in()

    async def sign_out(self) -> None:
        """Nobody is signed in after this. KeyringTrouble if the password safe keeps its token."""
        try:
            await self._session.end()
        finally:
            self._unsaved = None
            self._say(state=AccountState.SIGNED_OUT, me=None, communities=(), trouble=None)

    async def sign_out_everywhere(self) -> None:
        """End every sign-in of this person, on all computers. NotSignedOut, SignInNeeded, Refused: still signed in."""
        try:
            await self._client.sign_out_everywhere()
        except Transient as error:
            raise NotSignedOut(f"{error.code}: {error.detail}") from error
        await self.sign_out()

    def lost(self, error: SignInNeeded) -> None:
        """The server no longer takes our sign-in."""
        self._say(state=AccountState.SIGN_IN_NEEDED, trouble=trouble(error))

    async def _look(self) -> ReelferryError | None:
        """One attempt at everything; what it met."""
        async with self._one_at_a_time:
            try:
                await self._ask()
            except KeyringTrouble as error:
                return error  # it has been said
            except SignInNeeded as error:
                self.lost(error)
                return error
            except ReelferryError as error:
                self._heard(error)
                self._say(trouble=trouble(error))
                return error
            self._heard(None)
            self._say(trouble=self._unsaved)
            return None

    async def _ask(self) -> None:
        locked = await self._open_safe() if self._fact.state in UNSURE else None
        self._say(config=await self._client.config())
        if locked is not None:
            raise locked
        if self._fact.state is AccountState.SIGNED_IN:
            me = await self._client.me()
            self._say(me=me, communities=await self._client.communities())

    async def _open_safe(self) -> KeyringTrouble | None:
        """Find out whether somebody is signed in; why not, where the password safe does not say."""
        had_no_answer = self._fact.state is not AccountState.UNKNOWN
        try:
            exists = await self._session.exists()
        except KeyringTrouble as error:
            absent = isinstance(error, KeyringAbsent)
            self._say(
                state=AccountState.KEYRING_ABSENT if absent else AccountState.KEYRING_LOCKED, trouble=trouble(error)
            )
            return error
        self._say(state=AccountState.SIGNED_IN if exists else AccountState.SIGNED_OUT, trouble=None)
        if exists and had_no_answer:
            self._signed_in()
        return None

    def _say(self, **facts: object) -> None:
        fact = replace(self._fact, **facts)  # type: ignore[arg-type]  # the names are the fields'
        if fact != self._fact:
            self._fact = fact
            self._emit(fact)
