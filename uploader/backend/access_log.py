"""One line a request: method, route template, status, milliseconds. Never the path: an upload address is a secret."""

import logging
import time
from collections.abc import Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class AccessLog:
    """Writes the line when the reply has ended, or when the application failed to make one.

    FastAPI leaves its own routes in the scope; `routes` are the others, known by their endpoints.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self.templates: dict[object, str] = {route.endpoint: route.path for route in routes if isinstance(route, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watching)
        except Exception:
            status = 500
            raise
        finally:
            template = getattr(scope.get("route"), "path", None) or self.templates.get(scope.get("endpoint"), "-")
            log.info("%s %s %s %.0f ms", scope["method"], template, status, (time.perf_counter() - began) * 1000)
