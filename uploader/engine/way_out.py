"""How connections leave this computer, as it is chosen now: which proxy, with which password, and whom to believe."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from uploader.engine.proxies import SYSTEM, Proxy, proxy_for
from uploader.engine.trust import Trust
from uploader.errors import KeyringTrouble, ProxyRefused, ProxyUnreachable
from uploader.settings import Settings


class Safe(Protocol):
    """Where the proxy's password is kept: any `Vault`."""

    async def load(self, server: str) -> str | None:
        """What is kept under this name; None if there is nothing. KeyringTrouble."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """What a person chose. `proxy` is "system", "none" or an address without a password; `certificates` is a file."""

    proxy: str = SYSTEM
    certificates: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Way":
        """As the settings have it."""
        return cls(settings.proxy, Path(settings.certificates) if settings.certificates else None)


@dataclass(frozen=True, slots=True)
class Road:
    """How to get to one host now. Roads that are equal share their connections."""

    proxy: Proxy | None
    trust: ssl.SSLContext
    password: str = field(default="", repr=False)


class WayOut:
    """Asked before each request, so that a change holds for the next connection. What is under way stays as it is."""

    def __init__(self, way: Way = Way(), safe: Safe | None = None) -> None:
        self._safe = safe
        self.take(way)

    def take(self, way: Way) -> None:
        """Leave this way from now on; the password is read anew."""
        self.way = way
        self.trust = Trust(way.certificates)
        self._passwords: dict[str, str] = {}

    async def road(self, scheme: str, host: str, port: int) -> Road:
        """The road to a host. ProxyUnreachable if what is set is no proxy, ProxyRefused without its password."""
        try:
            proxy = proxy_for(scheme, host, port, self.way.proxy)
        except ValueError as error:
            raise ProxyUnreachable(str(error), title="The proxy’s address makes no sense") from error
        password = await self._password(proxy) if proxy and proxy.user else ""
        return Road(proxy, self.trust.context(), password)

    async def _password(self, proxy: Proxy) -> str:
        if proxy.password is not None:
            return proxy.password
        known = self._passwords  # a choice made while the safe opens begins with none
        if proxy.address not in known and self._safe is not None:
            try:
                known[proxy.address] = await self._safe.load(safe_name(proxy.address)) or ""
            except KeyringTrouble as error:
                raise ProxyRefused(
                    f"{error.code}: {error.detail}",
                    title="The proxy’s password could not be read",
                    hint=f"{error.title}. Nothing is lost; unlock it, then try again.",
                ) from error
        return known.get(proxy.address, "")


def safe_name(address: str) -> str:
    """The name under which the password of the proxy at `address` is kept."""
    return f"proxy {address}"
