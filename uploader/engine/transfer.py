"""Transfer: carry a protocol's conversation over the network, and the file with it."""

import base64
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from uploader.engine.http import CONNECT, translated
from uploader.engine.limit import Limiter
from uploader.engine.rate import Pace
from uploader.engine.reading import Reading, reader
from uploader.engine.work import Work, known
from uploader.errors import Interrupted, ReelferryError, Refused, ServerBusy, Stalled
from uploader.protocols import PROTOCOLS, Checkpoint, Digest, Request, Response, Span, Steps

TELLS = 0.1  # seconds between two words on what has left
WORDS = 4096  # bytes of a reply's body that are kept


@dataclass(frozen=True, slots=True)
class Watch:
    """What a transfer is measured with, and held back by."""

    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
    limiter: Limiter = field(default_factory=Limiter)

    def timeout(self) -> httpx.Timeout:
        """For one request. Lines take writing and reading time-outs for silence, not for slowness."""
        patience = self.pace.patience()
        return httpx.Timeout(connect=CONNECT, write=patience, read=max(patience, self.pace.reply), pool=None)


async def transfer(work: Work) -> None:
    """Upload the file as the job's ticket says, from wherever the host stands."""
    ticket, pace, limiter = known(work.job.ticket), work.pace, work.limiter
    protocol = PROTOCOLS.get(ticket.protocol)
    if protocol is None:
        raise Refused(
            f"protocol {ticket.protocol}",
            title="This version cannot upload to that server",
            hint="Update Reelferry, then retry. Nothing is lost.",
        )
    pace.begin(ticket.chunk.default)
    await carry(
        work.http,
        work.job.path,
        protocol(ticket, work.job.size, work.job.resume, lambda: limiter.chunk(pace.chunk)),
        on_sent=lambda sent: work.tell(sent=sent),
        on_checkpoint=lambda point: work.learn(sent=point.offset, confirmed=point.offset, resume=point.resume),
        check_file=work.check,
        watch=Watch(pace, work.clock.monotonic, limiter),
    )


async def carry(
    http: httpx.AsyncClient,
    path: Path,
    steps: Steps,
    *,
    on_sent: Callable[[int], None],
    on_checkpoint: Callable[[Checkpoint], None],
    check_file: Callable[[], None],
    watch: Watch,
) -> None:
    """Run `steps` to their end. Raises from `uploader.errors` only.

    `on_sent` hears, at most ten times a second, the offset up to which the file has left for the socket. `check_file`
    is asked before each request that carries bytes of the file.
    """
    reply: Response | None = None
    with_bytes = False
    with closing(steps), reader() as thread:
        courier = _Courier(http, path, thread, on_sent, check_file, watch)
        try:
            while (step := _next(steps, reply)) is not None:
                if isinstance(step, Checkpoint):
                    on_checkpoint(step)
                else:
                    with_bytes = any(isinstance(part, Span) for part in step.body)
                    reply = await _brought(steps, courier.carry(step) if with_bytes else courier.ask(step))
        except (Interrupted, ServerBusy, Stalled):
            if with_bytes:
                watch.pace.failed()
            raise


async def _brought(steps: Steps, reply: Awaitable[Response]) -> Response:
    """The reply. Where there is none the protocol hears why, and may put it in words of its own."""
    try:
        return await reply
    except ReelferryError as error:
        steps.throw(error)
        raise


def _next(steps: Steps, reply: Response | None) -> Request | Checkpoint | None:
    try:
        return next(steps) if reply is None else steps.send(reply)
    except StopIteration:
        return None


@dataclass(slots=True)
class _Courier:
    """Takes one request at a time to the host and brings the reply back."""

    http: httpx.AsyncClient
    path: Path
    thread: Executor
    on_sent: Callable[[int], None]
    check_file: Callable[[], None]
    watch: Watch
    told: float = 0.0

    async def carry(self, request: Request) -> Response:
        """A request with bytes of the file in it."""
        async with Reading(self.path, self.check_file, self.thread) as reading:
            headers = dict(request.headers) | {"Content-Length": str(request.length)}
            if request.digest is not None:
                headers[request.digest.header] = await _computed(request.digest, request.body, reading)
            begun, limit = self.watch.clock(), self.watch.limiter.rate
            async with aclosing(self._body(request, reading)) as body:
                reply = await self._send(request, headers, body)
            answered = reply.status < 300 or reply.status == 308  # 308: some hosts' word for "go on"
            if answered and limit == self.watch.limiter.rate:  # at two speeds it says nothing of either
                self.watch.pace.acknowledged(request.length, self.watch.clock() - begun)
            return reply

    async def ask(self, request: Request) -> Response:
        """A request without a body."""
        return await self._send(request, request.headers, None)

    async def _send(self, request: Request, headers: Mapping[str, str], body: AsyncIterator[bytes] | None) -> Response:
        """The beginning of what comes back."""
        with translated():
            asked = self.http.build_request(
                request.method,
                request.url,
                headers=headers,
                content=body,
                timeout=self.watch.timeout(),
                extensions={"target": _target(request.url)},
            )
            reply = await self.http.send(asked, stream=True)
            async with aclosing(reply):
                text = await _beginning(reply)
        return Response(reply.status_code, dict(reply.headers), text)

    async def _body(self, request: Request, reading: Reading) -> AsyncGenerator[bytes, None]:
        for part in request.body:
            if isinstance(part, bytes):
                yield part
                continue
            sent = part.start
            async with aclosing(reading.pieces(part, self.watch.pace.piece)) as pieces:
                async for piece in pieces:
                    gone = 0
                    while gone < len(piece):
                        size = await self.watch.limiter.granted(len(piece) - gone)
                        yield piece[gone : gone + size]
                        gone += size
                        self._tell(sent + gone)
                    sent += gone

    def _tell(self, sent: int) -> None:
        now = self.watch.clock()
        if now - self.told >= TELLS:
            self.told = now
            self.on_sent(sent)


async def _computed(digest: Digest, body: tuple[bytes | Span, ...], reading: Reading) -> str:
    """The digest's value, from the bytes as they are in the file now."""
    found = hashlib.new(digest.algorithm, usedforsecurity=False)
    for part in body:
        if isinstance(part, bytes):
            found.update(part)
            continue
        async with aclosing(reading.pieces(part)) as pieces:
            async for piece in pieces:
                found.update(piece)
    return f"{digest.algorithm} {base64.b64encode(found.digest()).decode()}"


async def _beginning(reply: httpx.Response) -> str:
    text = b""
    async for part in reply.aiter_raw():
        text += part
        if len(text) >= WORDS:
            break
    return text[:WORDS].decode(errors="replace")


def _target(url: str) -> bytes:
    """Path and query as they stand in the address: it is a capability, and httpx would tidy it."""
    rest = url.partition("#")[0].partition("://")[2]
    start = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    target = rest[start:]
    return (target if target.startswith("/") else f"/{target}").encode()
