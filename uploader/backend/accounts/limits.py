"""How often signing in may be tried: per account, per address; what turned out right is not counted."""

import hashlib
import ipaddress
from collections.abc import Mapping
from datetime import datetime

from fastapi import Request

from uploader.backend import proxies, rate_limit
from uploader.backend.context import Backend

QUARTER = 15 * 60
PER_ACCOUNT = 5
PER_ADDRESS = 20
TOKEN_WINDOW = 60
TOKENS_PER_ADDRESS = 300
DEVICE_WINDOW = 10 * 60
WRONG_CODES_PER_ADDRESS = 5
DEVICES_PER_ADDRESS = 60


def address(request: Request) -> str:
    """Where a request comes from; of IPv6 the network, since one person has all of it."""
    host = proxies.plain(request.client.host) if request.client else ""
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else host


class Attempt:
    """One try at a secret. Count it before the secret is looked at; take it back when it was right."""

    def __init__(self, backend: Backend, now: datetime, window: int, limits: Mapping[str, int]) -> None:
        self._database = backend.database
        self._now = now
        self._window = window
        self._limits = limits

    def allowed(self) -> bool:
        """Whether there are tries left; this is one of them."""
        return all(
            rate_limit.allow(self._database, key, limit, self._window, self._now) for key, limit in self._limits.items()
        )

    def was_right(self) -> None:
        """It was the right one."""
        for key in self._limits:
            rate_limit.take_back(self._database, key, self._window, self._now)

    @property
    def wait(self) -> int:
        """Seconds until there are tries again."""
        return rate_limit.seconds_left(self._window, self._now)

    @property
    def words(self) -> str:
        """What to tell a person who has to wait."""
        minutes = -(-self.wait // 60)
        return f"Too many tries. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, then try again."


def password_attempt(backend: Backend, request: Request, username: str, now: datetime) -> Attempt:
    """One try at the password of `username`."""
    name = hashlib.sha256(username.encode()).hexdigest()
    limits = {f"sign-in:address:{address(request)}": PER_ADDRESS, f"sign-in:account:{name}": PER_ACCOUNT}
    return Attempt(backend, now, QUARTER, limits)


def code_attempt(backend: Backend, request: Request, now: datetime) -> Attempt:
    """One try at the code that another computer shows."""
    limits = {f"device-code:address:{address(request)}": WRONG_CODES_PER_ADDRESS}
    return Attempt(backend, now, DEVICE_WINDOW, limits)


def token_wait(backend: Backend, request: Request, now: datetime) -> int | None:
    """Seconds to wait before the token endpoints may be used again from this address; None when they may."""
    return _wait(backend, f"token:{address(request)}", TOKENS_PER_ADDRESS, TOKEN_WINDOW, now)


def device_wait(backend: Backend, request: Request, now: datetime) -> int | None:
    """Seconds to wait before another pair of device codes may be asked for from this address; None when they may."""
    return _wait(backend, f"device:{address(request)}", DEVICES_PER_ADDRESS, DEVICE_WINDOW, now)


def _wait(backend: Backend, key: str, limit: int, window: int, now: datetime) -> int | None:
    if rate_limit.allow(backend.database, key, limit, window, now):
        return None
    return rate_limit.seconds_left(window, now)
