"""A backend for tests, as strict as the real one about sign-in: PKCE, one use a code, refresh tokens that rotate."""

import base64
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

Answer = Callable[[Request], Response]


@dataclass
class ApiHost:
    """An ASGI app. `answers` by path come before everything else; `requests` is what arrived."""

    lifetime: int = 900
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: str | None = None
    used_up: list[str] = field(default_factory=list)
    forgives: int = 0
    """How many more times a used-up refresh token is taken: the leeway after a lost reply."""
    revoked: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    """What the browser brings back, changed."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._app = Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self._discover),
                Route("/oauth/authorize", self._authorize),
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/oauth/revoke", self._revoke, methods=["POST"]),
                Route("/api/me", self._me),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body, path = await request.body(), scope["raw_path"].decode()
        self.requests.append((request.method, path, dict(request.headers), body))
        if answer := self.answers.get(path):
            await answer(request)(scope, receive, send)
            return

        async def again() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    def asked(self, path: str) -> int:
        """How many requests came to `path`."""
        return sum(1 for _, asked, _, _ in self.requests if asked == path)

    def issue(self) -> dict[str, object]:
        """A new pair of tokens; the refresh token before is used up."""
        n = next(self._numbers)
        if self.refresh is not None:
            self.used_up.append(self.refresh)
        self.refresh = f"refresh-{n}"
        self.access.add(f"access-{n}")
        return {
            "access_token": f"access-{n}",
            "refresh_token": self.refresh,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": "upload offline_access",
        }

    async def _discover(self, request: Request) -> Response:
        root = str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "issuer": root,
                "authorization_endpoint": f"{root}/oauth/authorize",
                "token_endpoint": f"{root}/oauth/token",
                "revocation_endpoint": f"{root}/oauth/revoke",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
            | self.metadata
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        assert asked["response_type"] == "code"
        assert asked["client_id"] == "reelferry-desktop"
        assert asked["scope"] == "upload offline_access"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{next(self._numbers)}"
        self.codes[code] = (asked["code_challenge"], asked["redirect_uri"])
        back = {"code": code, "state": asked["state"], "iss": str(request.base_url).rstrip("/")} | self.parameters
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({k: v for k, v in back.items() if v})}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        if form["client_id"] != "reelferry-desktop":
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "authorization_code":
            challenge, address = self.codes.pop(str(form["code"]), ("", ""))
            digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
            good = (
                base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge and form["redirect_uri"] == address
            )
        else:
            token = str(form["refresh_token"])
            good = token == self.refresh or (token in self.used_up and self.forgives > 0)
            self.forgives -= token in self.used_up
        return JSONResponse(self.issue()) if good else JSONResponse({"error": "invalid_grant"}, 400)

    async def _revoke(self, request: Request) -> Response:
        self.revoked.append(str((await request.form())["token"]))
        self.refresh = None
        self.access.clear()
        return Response()

    async def _me(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            return JSONResponse({"error": "Unauthorized", "code": "unauthorized"}, 401)
        return JSONResponse({"id": "u1", "username": "ann", "name": "Ann"})


def says(status: int, body: object = None, **headers: str) -> Answer:
    """An answer in JSON, whatever was asked."""
    return lambda _: JSONResponse(body, status, headers)


def page(status: int = 200) -> Answer:
    """An answer in HTML: the hotel's, not the server's."""
    return lambda _: Response("<html>Welcome", status, media_type="text/html")
