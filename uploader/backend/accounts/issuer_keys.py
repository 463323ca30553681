"""The keys an issuer signs with: fetched when needed, kept, fetched again for a key we do not know, never in a rush."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import truststore
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from uploader.backend.loopback import is_private

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(5)
FRESH = 3600.0  # seconds after which keys are fetched anew
STALE = 24 * FRESH  # and after which they are no longer trusted, if that does not succeed
PAUSE = 60.0  # seconds between two fetches, whatever tokens name
PAUSE_AFTER_FAILURE = 10.0
SIGNING = frozenset({"RSA", "EC", "OKP"})


class IssuerAway(Exception):
    """The issuer does not say what we need to know. `wait`: seconds until it makes sense to ask us again."""

    def __init__(self, why: str, wait: float = PAUSE_AFTER_FAILURE) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Known:
    """What the issuer said at `at` (of the clock)."""

    keys: KeySet
    userinfo: str | None
    at: float

    def has(self, kid: str | None) -> bool:
        """Whether this key is among them. A token need not name the only one."""
        return len(self.keys.keys) == 1 if kid is None else any(key.kid == kid for key in self.keys)


class IssuerKeys:
    """The keys of the issuer at `url`, for all threads of this process."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._known: Known | None = None
        self._tried_at = -PAUSE
        self._failed = False
        self._one_at_a_time = threading.Lock()

    def known(self, kid: str | None) -> Known:
        """Its keys, `kid` among them if it has such a key. Raises IssuerAway where that cannot be told."""
        known = self._usable(kid, FRESH)
        if known is not None:
            return known
        with self._one_at_a_time:
            return self._usable(kid, FRESH) or self._fetched(kid)

    def ask(self, address: str, token: str) -> dict[str, Any]:
        """What an endpoint of the issuer says to the bearer of a token. Raises IssuerAway."""
        return self._get(address, {"Authorization": f"Bearer {token}"})

    def _usable(self, kid: str | None, age: float) -> Known | None:
        known = self._known
        return known if known is not None and known.has(kid) and self._clock() - known.at < age else None

    def _fetched(self, kid: str | None) -> Known:
        left = self._tried_at + (PAUSE_AFTER_FAILURE if self._failed else PAUSE) - self._clock()
        if left <= 0:
            self._try()
            left = PAUSE_AFTER_FAILURE
        known = self._usable(kid, STALE) if self._failed else self._known
        if known is None:
            raise IssuerAway(f"{self._url} was not reached", left)
        return known

    def _try(self) -> None:
        self._tried_at, self._failed = self._clock(), True
        try:
            self._known = self._load()
            self._failed = False
        except IssuerAway as error:
            log.warning("the keys of the issuer could not be fetched: %s", error)

    def _load(self) -> Known:
        about = self._get(f"{self._url}/.well-known/openid-configuration")
        if str(about.get("issuer", "")).rstrip("/") != self._url:
            raise IssuerAway(f"{self._url} calls itself {about.get('issuer')!r}")
        keys = self._get(str(about.get("jwks_uri", ""))).get("keys")
        try:
            signing = [key for key in keys or () if key.get("use", "sig") == "sig" and key.get("kty") in SIGNING]
            known = KeySet.import_key_set({"keys": signing})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise IssuerAway(f"{self._url} has keys that make no sense: {error!r}") from error
        userinfo = about.get("userinfo_endpoint")
        return Known(known, userinfo if isinstance(userinfo, str) else None, self._clock())

    def _get(self, address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        if not is_private(address):
            raise IssuerAway(f"{address!r} is no address to trust")
        trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            reply = httpx.get(address, headers=headers, timeout=TIMEOUT, follow_redirects=False, verify=trust)
            found = reply.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise IssuerAway(f"{address}: {type(error).__name__} {error}") from error
        if not isinstance(found, dict):
            raise IssuerAway(f"{address}: no JSON object")
        return found
