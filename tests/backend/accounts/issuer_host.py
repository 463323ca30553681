"""An issuer of access tokens that does what a test says: other keys, other claims, or not there at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.engine.served import served

AUDIENCE = "https://films.example/api"


def ec_key(kid: str) -> ECKey:
    """A new signing key of this name."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


@dataclass
class IssuerHost:
    """An ASGI app. `keys` are published, the first one signs; `requests` are the paths that were asked for."""

    url: str = ""
    keys: list[Key] = field(default_factory=lambda: [ec_key("one")])
    about: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    away: bool = False
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = Starlette(routes=[Route("/{path:path}", self._answer)])

    def claims(self, **changed: object) -> dict[str, Any]:
        """What a good token says; a change to None leaves a claim out."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "person-1", "iat": now, "exp": now + 300}
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, key: Key | None = None, **changed: object) -> str:
        """A token signed with the first key, or with this one."""
        key = key or self.keys[0]
        head = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changed), key, algorithms=[head["alg"]], default_type=None)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return self.requests.count(path)

    def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.requests.append(path)
        if self.away:
            return Response("away", 503)
        match path:
            case "/.well-known/openid-configuration":
                about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/me"}
                return JSONResponse(about | self.about)
            case "/keys":
                return JSONResponse(KeySet(self.keys).as_dict(private=False))
            case "/me":
                return JSONResponse(self.people)
            case _:
                return Response(status_code=404)


@contextmanager
def issuing() -> Iterator[IssuerHost]:
    """The issuer, answering at `url`."""
    host = IssuerHost()
    with served(host.app) as port:
        host.url = f"http://127.0.0.1:{port}"
        yield host
