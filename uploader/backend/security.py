"""The door before the application: whom we answer to, how much we read, and the headers every reply carries."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uploader.backend.loopback import LOOPBACK
from uploader.backend.problems import problem_response

KIB = 1024
BODY_LIMIT = 64 * KIB
WEBHOOK_LIMIT = 1024 * KIB
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
ONE_YEAR = "max-age=31536000"


class TrustedHost:
    """Answers only to our own names: a web page cannot reach a loopback server under a name of its own."""

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self.app = app
        self.names = LOOPBACK | ({urlsplit(public_url).hostname} if public_url else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and _host_name(Headers(scope=scope)) not in self.names:
            await problem_response(400, "This server does not answer under that name", "invalid_host")(
                scope, receive, send
            )
            return
        await self.app(scope, receive, send)


def _host_name(headers: Headers) -> str | None:
    given = headers.getlist("host")
    try:
        return urlsplit(f"//{given[0]}").hostname if len(given) == 1 else None
    except ValueError:
        return None


class BodyLimit:
    """Reads a body of at most `limit` bytes before the application sees the request; more is 413.

    `limits` names other limits by path prefix; None leaves that prefix alone (it streams, and counts for itself).
    """

    def __init__(self, app: ASGIApp, limit: int, limits: Mapping[str, int | None]) -> None:
        self.app = app
        self.limit = limit
        self.limits = limits

    def _limit(self, path: str) -> int | None:
        return next((limit for prefix, limit in self.limits.items() if path.startswith(prefix)), self.limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        limit = self._limit(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self.app(scope, receive, send)
            return
        messages: list[Message] = []
        size = 0
        while not messages or messages[-1].get("more_body", False):
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
            if size > limit:
                await problem_response(413, "Request too large", "request_too_large", {"Connection": "close"})(
                    scope, receive, send
                )
                return
        unread = iter(messages)

        async def replay() -> Message:
            return next(unread, None) or await receive()

        await self.app(scope, replay, send)


class SecurityHeaders:
    """What a reply says about itself unless the route said otherwise."""

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self.app = app
        self.headers = dict(HEADERS)
        if public_url and public_url.startswith("https:"):
            self.headers["Strict-Transport-Security"] = ONE_YEAR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
