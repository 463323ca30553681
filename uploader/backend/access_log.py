"""One line a request: method, route template, status, milliseconds. Never the path: an upload address is a secret."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class AccessLog:
    """Writes the line when the reply has ended, or when the application failed to make one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

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
            route = getattr(scope.get("route"), "path", "-")
            log.info("%s %s %s %.0f ms", scope["method"], route, status, (time.perf_counter() - began) * 1000)
