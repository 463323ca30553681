"""How a fake upload host misbehaves: once, on command, with the next request of a kind."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Mischief:
    """What is done instead of the right thing.

    `keep`: only so many bytes of this body are stored, and the reply says so truthfully. `status`: this is the answer,
    and nothing is done. (A reply that gets lost is the proxy's business: tests/proxy.py.)
    """

    keep: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(slots=True)
class Reply:
    """What goes back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(slots=True)
class Seen:
    """One request as it arrived. `body`: how many bytes of its body were read."""

    method: str
    target: str
    headers: dict[str, str]
    body: int = 0


class FakeHost:
    """An ASGI app that remembers what it saw. Refuses any sign of who we are: the address alone is the right."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._planned: defaultdict[str, deque[Mischief]] = defaultdict(deque)

    def misbehave(self, method: str, *how: Mischief) -> None:
        """With the next requests of this method, in this order."""
        self._planned[method].extend(how)

    @property
    def bytes_received(self) -> int:
        """Of bodies, those sent twice counted twice."""
        return sum(seen.body for seen in self.seen)

    async def answer(self, seen: Seen, receive: Receive, mischief: Mischief) -> Reply:
        """Speak the protocol."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + ("?" + query if query else "")
        seen = Seen(scope["method"], target, headers)
        self.seen.append(seen)
        planned = self._planned[seen.method]
        mischief = planned.popleft() if planned else Mischief()
        try:
            reply = await self._reply(seen, receive, mischief)
        except ClientDisconnect:
            return
        raw = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.text.encode()})

    async def _reply(self, seen: Seen, receive: Receive, mischief: Mischief) -> Reply:
        if {"authorization", "cookie"} & set(seen.headers):
            return Reply(400, text="the address is all that is needed here")
        if mischief.status is not None:
            return Reply(mischief.status, mischief.headers, mischief.text)
        return await self.answer(seen, receive, mischief)


async def take(receive: Receive, seen: Seen, into: bytearray, most: int | None = None, skip: int = 0) -> None:
    """Read a body as it arrives; what has arrived is kept where the line breaks (ClientDisconnect), up to `most`.

    The first `skip` bytes are there already.
    """
    until = None if most is None else len(into) + most
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        data = event.get("body", b"")
        seen.body += len(data)
        data, skip = data[skip:], max(0, skip - len(data))
        into += data if until is None else data[: max(0, until - len(into))]
        if not event.get("more_body"):
            return
