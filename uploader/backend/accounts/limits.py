"""How often signing in may be tried: per account, per address; what turned out right is not counted."""

import hashlib
import ipaddress
from datetime import datetime

from fastapi import Request

from uploader.backend import rate_limit
from uploader.backend.config import LOOPBACK
from uploader.backend.context import Backend

QUARTER = 15 * 60
PER_ACCOUNT = 5
PER_ADDRESS = 20
TOKEN_WINDOW = 60
TOKENS_PER_ADDRESS = 300


def address(request: Request, backend: Backend) -> str:
    """Where a request comes from; of IPv6 the network, since one person has all of it.

    On a public server a visitor from this very computer is the reverse proxy, which says whom it speaks for.
    """
    host = request.client.host if request.client else ""
    said = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    if said and backend.config.public_url and host in LOOPBACK:
        host = said
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else host


class SignInAttempt:
    """One try at a password. Count it before the password is looked at; take it back when it was right."""

    def __init__(self, backend: Backend, request: Request, username: str, now: datetime) -> None:
        name = hashlib.sha256(username.encode()).hexdigest()
        self._database = backend.database
        self._now = now
        self._limits = (
            (f"sign-in:address:{address(request, backend)}", PER_ADDRESS),
            (f"sign-in:account:{name}", PER_ACCOUNT),
        )

    def allowed(self) -> bool:
        """Whether there are tries left; this is one of them."""
        return all(rate_limit.allow(self._database, key, limit, QUARTER, self._now) for key, limit in self._limits)

    def was_right(self) -> None:
        """The password was right."""
        for key, _ in self._limits:
            rate_limit.take_back(self._database, key, QUARTER, self._now)

    @property
    def wait(self) -> int:
        """Seconds until there are tries again."""
        return rate_limit.seconds_left(QUARTER, self._now)


def token_wait(backend: Backend, request: Request, now: datetime) -> int | None:
    """Seconds to wait before the token endpoints may be used again from this address; None when they may."""
    if rate_limit.allow(backend.database, f"token:{address(request, backend)}", TOKENS_PER_ADDRESS, TOKEN_WINDOW, now):
        return None
    return rate_limit.seconds_left(TOKEN_WINDOW, now)
