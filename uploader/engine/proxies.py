"""Which proxy a connection goes through: the system's, none, or the one chosen by hand."""

import ipaddress
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

PORTS: Mapping[str, int] = {"http": 80, "https": 443, "socks5": 1080}
SPELLINGS: Mapping[str, str] = {"socks": "socks5", "socks5h": "socks5"}
SYSTEM, NONE = "system", "none"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`scheme` is http, https or socks5. `password` is set only where the system's own settings hold one."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, address: str) -> "Proxy":
        """`scheme://[user[:password]@]host[:port]`; without a scheme it is http. ValueError if it is no such thing."""
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            scheme, port = SPELLINGS.get(parts.scheme, parts.scheme), parts.port
        except ValueError:
            raise ValueError("not the address of a proxy") from None  # the words would hold parts of a password
        more = parts.path not in {"", "/"} or parts.query or parts.fragment or any(map(str.isspace, address))
        if scheme not in PORTS or not parts.hostname or more:
            raise ValueError("not the address of a proxy")
        password = None if parts.password is None else unquote(parts.password)
        return cls(scheme, parts.hostname, port or PORTS[scheme], unquote(parts.username or ""), password)

    @property
    def address(self) -> str:
        """Without the password: how settings keep it, and the name its password has in the password safe."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}"


def proxy_for(scheme: str, host: str, port: int, choice: str) -> Proxy | None:
    """The proxy on the way to a host; None goes straight there, as does all that stays on this computer.

    `choice` is "system", "none" or an address. The system's proxies are looked up anew each time. ValueError if what
    was chosen, or what the system names, is no proxy.
    """
    if choice == NONE or is_loopback(host):
        return None
    if choice != SYSTEM:
        return Proxy.parse(choice)
    found = urllib.request.getproxies()
    address = found.get(scheme) or found.get("all") or found.get("socks")
    if not address or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    return Proxy.parse(address)


def is_loopback(host: str) -> bool:
    """Whether this is a name or an address of this very computer."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
