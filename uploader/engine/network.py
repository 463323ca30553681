"""Whether the server can be reached: learnt from what requests met, and asked for while it cannot."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from uploader.engine.clock import Clock
from uploader.engine.facts import Network
from uploader.engine.job import Trouble
from uploader.engine.retry import Backoff
from uploader.errors import CaptivePortal, Offline, ReelferryError, Untrusted

LONGEST = 30.0
"""Seconds between two probes at most: somebody looks at the window and waits."""


class NetworkWatch:
    """Says when the server got out of reach, and notices when it is back.

    `probe` asks the server for a sign of life and raises from `uploader.errors` without one. `back` is called when it
    is back, `emit` whenever what is known has changed, `portal` with whether a sign-in page answers in its place.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        emit: Callable[[Network], None],
        back: Callable[[], None],
        clock: Clock,
        portal: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._probe = probe
        self._emit = emit
        self._back = back
        self._clock = clock
        self._portal = portal
        self._backoff = Backoff(clock.random, most=LONGEST)
        self._fact = Network(online=True, rate=0.0)
        self._woken = asyncio.Event()
        self._moved = False

    @property
    def fact(self) -> Network:
        """What is known now."""
        return self._fact

    def heard(self, error: ReelferryError | None) -> None:
        """What an upload met; None when the server confirmed something of it."""
        if error is None:
            self._backoff.reset()
        self.asked(error)

    def asked(self, error: ReelferryError | None) -> None:
        """What a question to the server met; None when it answered, which says little of a host elsewhere."""
        if error is None:
            self._portal(False)
            self._say(online=True)
        elif isinstance(error, Offline | CaptivePortal | Untrusted):
            if isinstance(error, CaptivePortal):
                self._portal(True)
            self._say(online=False)

    def rate(self, rate: float) -> None:
        """All transfers together move so many bytes per second."""
        if rate != self._fact.rate:
            self._tell(rate=rate)

    def held(self, why: Trouble | None) -> None:
        """Why no file may be sent over this network; None if it may."""
        self._tell(held=why)

    def network_changed(self) -> None:
        """The computer is on another network, or on one again: find out at once."""
        self._moved = True
        self._woken.set()

    async def run(self) -> None:
        """Probe while the server is out of reach, for as long as the engine runs."""
        while True:
            if not self._moved:
                self._woken.clear()
            await self._clock.nap(None if self._fact.online else self._backoff.failed(), self._woken)
            if self._woken.is_set() and not self._moved:  # got out of reach, or back: another nap
                continue
            self._moved = False
            if self._fact.online:
                self._back()
            else:
                await self._look()

    async def _look(self) -> None:
        """One probe. It is broken off once we are on another network: in the one that is gone it may hang for long."""
        self._woken.clear()
        asking, woken = asyncio.create_task(self._ask()), asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait({asking, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
            woken.cancel()
            await asyncio.wait({asking, woken})
        if not asking.cancelled():
            asking.result()

    async def _ask(self) -> None:
        try:
            await self._probe()
        except ReelferryError as error:
            self.asked(error)
        else:
            self.asked(None)

    def _say(self, *, online: bool) -> None:
        if online == self._fact.online:
            return
        self._tell(online=online)
        self._woken.set()
        if online:
            self._back()

    def _tell(self, **facts: object) -> None:
        self._fact = replace(self._fact, **facts)  # type: ignore[arg-type]  # the names are the fields'
        self._emit(self._fact)
