"""What a request sees of the database's troubles: a race that was lost is run again, a lost database is a 503."""

import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uploader.backend.problems import problem_response
from uploader.backend.store.trouble import lost_race, out_of_reach

log = logging.getLogger(__name__)

TRIES = 3
WAIT = 5
"""Seconds after which a client should ask again."""

REMEMBERED = 1024 * 1024


class DatabaseTrouble:
    """Innermost of all. A request is run again only where its reply has not begun and its body can be given again.

    That is safe because it is what a client does after a 503, and every route is made for it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        before = dict(scope)
        body = _Body(receive)
        begun = False

        async def watching(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        for tries_left in reversed(range(TRIES)):
            try:
                await self.app(scope, body.receive, watching)
            except SQLAlchemyError as error:
                if begun or not (lost_race(error) or out_of_reach(error)):
                    raise
                if lost_race(error) and tries_left and body.again():
                    scope.clear()
                    scope.update(before)
                    continue
                log.warning("The database did not answer", exc_info=True)
                words = "The server cannot reach its database"
                await problem_response(503, words, "database_unavailable", retry_after=WAIT)(scope, receive, send)
            return


class _Body:
    """A request's body, remembered up to a limit so that it can be given once more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._next = 0
        self._size = 0

    async def receive(self) -> Message:
        """The next message: one that was given before, or a new one."""
        if self._next < len(self._kept):
            self._next += 1
            return self._kept[self._next - 1]
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > REMEMBERED:
            self._kept.clear()
        else:
            self._kept.append(message)
        self._next = len(self._kept)
        return message

    def again(self) -> bool:
        """Begin at the beginning. False where it was too much to remember."""
        self._next = 0
        return self._size <= REMEMBERED
