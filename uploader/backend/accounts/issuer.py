"""An issuer elsewhere says who people are: its access tokens are verified here, and its people become our users."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from uploader.backend.accounts import users
from uploader.backend.accounts.issuer_keys import IssuerAway, IssuerKeys, Known
from uploader.backend.issuer_config import IssuerConfig
from uploader.backend.store.database import Database
from uploader.backend.store.models import User

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")  # signatures only: never none, never a shared secret
TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})  # RFC 9068, and the many issuers that do not know it
LEEWAY = 30  # seconds that clocks may differ
SHAPE = re.compile(r"[A-Za-z0-9_-]{2,2048}\.[A-Za-z0-9_-]{2,8192}\.[A-Za-z0-9_-]{2,2048}")
LONGEST_SUBJECT = 255


class Issuer:
    """Knows people by the access tokens of one issuer."""

    def __init__(
        self, config: IssuerConfig, database: Database, clock: Callable[[], datetime], keys: IssuerKeys | None = None
    ) -> None:
        self.config = config
        self._database = database
        self._clock = clock
        self._keys = keys or IssuerKeys(config.url)

    def whose(self, token: str) -> User | None:
        """The person a token speaks for, made a user at first sight; None if it is not good or they are switched off.

        Raises IssuerAway where nobody can tell.
        """
        found = self._claims(token)
        if found is None:
            return None
        claims, known = found
        with self._database.read() as session:
            user = users.of_subject(session, self.config.url, claims["sub"])
        if user is None:
            user = self._welcome(claims["sub"], {**self._about(token, claims, known), **claims})
        return user if user.disabled_at is None else None

    def _claims(self, token: str) -> tuple[dict[str, Any], Known] | None:
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError):
            return None
        known = self._keys.known(kid if isinstance(kid, str) else None)
        try:
            read = jwt.decode(token, known.keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                now=int(self._clock().timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "values": [self.config.url, f"{self.config.url}/"]},
                aud={"essential": True, "value": self.config.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(read.claims)
        except (JoseError, ValueError, TypeError) as error:
            log.info("a token was refused: %s", error)
            return None
        bound = "cnf" in read.claims  # to a key that its bearer has not shown
        subject = read.claims["sub"]
        fits = str(read.header.get("typ", "")).lower() in TYPES and len(subject) <= LONGEST_SUBJECT
        return (read.claims, known) if fits and not bound and "\0" not in subject else None

    def _about(self, token: str, claims: dict[str, Any], known: Known) -> dict[str, Any]:
        """What the issuer tells of a person beside the token, where the token has no name."""
        if claims.get("name") or claims.get("preferred_username") or known.userinfo is None:
            return {}
        try:
            about = self._keys.ask(known.userinfo, token)
        except IssuerAway as error:
            log.info("somebody's name is not known: %s", error)
            return {}
        return about if about.get("sub") == claims["sub"] else {}

    def _welcome(self, subject: str, about: dict[str, Any]) -> User:
        username, name = (str(about.get(field) or "") for field in ("preferred_username", "name"))
        return users.welcome(
            self._database, self.config.url, subject, username=username, name=name or username, now=self._clock()
        )
