"""Every request has an id: a proxy's, if it is sane, or our own; it is in each line of the log and in the reply."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

HEADER = "X-Request-Id"
SANE = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestId:
    """Names the request for everything that happens on its behalf, in threads too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = _given(Headers(scope=scope)) or secrets.token_hex(8)

        async def naming(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        with bound_contextvars(request_id=name):
            await self.app(scope, receive, naming)


def _given(headers: Headers) -> str | None:
    """A name that somebody before us gave it. It is a label and nothing more: whoever made it up gains nothing."""
    given = headers.getlist(HEADER)
    return given[0] if len(given) == 1 and SANE.fullmatch(given[0]) else None
