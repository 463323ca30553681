"""One line a request: method, route template, status, milliseconds. Never the path: an upload address is a secret."""

import logging
import time
from collections.abc import Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uploader.backend import proxies
from uploader.backend.observer import Observer
from uploader.backend.receiver import rest_of

log = logging.getLogger(__name__)


class AccessLog:
    """Writes the line when the reply has ended, or when the application failed to make one.

    FastAPI leaves its own routes in the scope; `routes` are the others, known by their endpoints.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], observer: Observer) -> None:
        self.app = app
        self.observer = observer
        self.templates: dict[object, str] = {route.endpoint: route.path for route in routes if isinstance(route, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = received = 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        self.observer.begun()
        try:
            await self.app(scope, counting, watching)
        except Exception:
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - began
            rest = rest_of(scope)
            received += rest.carried if rest is not None else 0
            template = getattr(scope.get("route"), "path", None) or self.templates.get(scope.get("endpoint"), "-")
            log.info(
                "%s %s %s %.0f ms",
                scope["method"],
                template,
                status,
                seconds * 1000,
                extra={
                    "route": template,
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "received": received,
                    "client": _client(scope),
                },
            )
            self.observer.ended(scope["method"], template, status, seconds, received)


def _client(scope: Scope) -> str | None:
    """Whose request it is, as far as that is known; a proxy that is believed may have said anything."""
    client = scope.get("client")
    return proxies.plain(client[0])[:64] if client else None
