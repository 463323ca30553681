"""An upload host for tests: tus in memory. It keeps every byte of a broken request, and remembers what it saw."""

import asyncio
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from uploader.wire import ChunkRules


@dataclass
class Seen:
    """One request as it arrived. `body` is how many bytes of it did."""

    method: str
    target: bytes
    headers: dict[str, str]
    body: int = 0


@dataclass
class UploadHost:
    """An ASGI app. Enforces the protocol and `rules`; a broken rule is a 400."""

    size: int
    rules: ChunkRules = field(default_factory=lambda: ChunkRules(default=1024 * 1024))
    held: bytearray = field(default_factory=bytearray)
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Instead of the truth: method -> (status, headers, body), without reading what was sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"]
        seen = Seen(scope["method"], scope["raw_path"] + (b"?" + query if query else b""), headers)
        self.seen.append(seen)
        status, extra, body = self.answers.get(seen.method) or await self._answer(seen, receive)
        sent = {"tus-resumable": "1.0.0"} | extra if seen.method not in self.answers else extra
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, seen: Seen, receive: Receive) -> tuple[int, dict[str, str], bytes]:
        if seen.headers.get("tus-resumable") != "1.0.0":
            return 412, {}, b""
        if seen.method == "PATCH":
            if refused := self._refused(seen.headers):
                return refused, {}, b""
            await self._take(seen, receive)
            return 204, {"upload-offset": str(len(self.held)), "set-cookie": "who=you; Path=/"}, b""
        return 200, {"upload-offset": str(len(self.held)), "upload-length": str(self.size)}, b""

    def _refused(self, headers: dict[str, str]) -> int:
        length, offset = int(headers["content-length"]), int(headers["upload-offset"])
        if headers["content-type"] != "application/offset+octet-stream":
            return 415
        if offset != len(self.held):
            return 409
        if offset + length > self.size:
            return 413
        last = offset + length == self.size
        largest = self.rules.max or length
        ruled = self.rules.min <= length <= largest and length % self.rules.multiple == 0
        return 0 if ruled or (last and length <= largest) else 400

    async def _take(self, seen: Seen, receive: Receive) -> None:
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise asyncio.CancelledError
            self.held += event["body"]
            seen.body += len(event["body"])
            if not event["more_body"]:
                return

    @property
    def bytes_received(self) -> int:
        """Of bodies, those sent twice counted twice."""
        return sum(seen.body for seen in self.seen)
