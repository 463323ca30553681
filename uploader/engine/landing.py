"""Where the browser lands after signing in: one address on this computer, for one sign-in, with a page to read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from uploader.errors import SignInFailed

PATH = "/callback"
HEAD = 16 * 1024  # bytes
PATIENCE = 10.0  # seconds a browser may take to say what it wants


@dataclass(frozen=True, slots=True)
class Page:
    """What the browser shows."""

    title: str
    text: str
    status: str = "200 OK"


Arrive = Callable[[str], Awaitable[Page]]
"""(path and query the browser came to) -> what to show. Only addresses under `PATH` are handed over."""

NOT_HERE = Page("Nothing to see here", "You can close this tab and return to Reelferry.", "404 Not Found")


@contextlib.asynccontextmanager
async def landing(arrive: Arrive, ports: Sequence[int] = (0,)) -> AsyncIterator[str]:
    """The address to redirect to, for as long as the context lasts, on the first of `ports` that is free (0: any).

    A visit that has begun is answered to its end; connections that browsers open on the off chance are dropped.
    """
    visits: dict[asyncio.Task[None], _Visit] = {}
    over = False

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if over:  # it was on its way when we closed
            writer.transport.abort()
            return
        visit = _Visit(reader, writer)
        task = asyncio.create_task(visit.answer(arrive))
        visits[task] = visit
        task.add_done_callback(visits.pop)

    server = await _listening(accept, ports)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
    finally:
        over = True
        server.close()
        for visit in visits.values():
            visit.drop_if_idle()
        if visits:
            await asyncio.wait(list(visits), timeout=PATIENCE)


async def _listening(
    accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], ports: Sequence[int]
) -> asyncio.Server:
    for port in ports:
        with contextlib.suppress(OSError):
            return await asyncio.start_server(accept, "127.0.0.1", port, limit=HEAD)
    raise SignInFailed(f"none of {ports} is free", hint="Close other programs that are signing in, then try again.")


@dataclass(slots=True)
class _Visit:
    """One connection of a browser: one request, one page."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle: bool = True

    async def answer(self, arrive: Arrive) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(PATIENCE):
                    head = await self.reader.readuntil(b"\r\n\r\n")
                self.idle = False
                method, _, rest = head.decode("latin-1").partition(" ")
                target = rest.partition(" ")[0]
                here = method == "GET" and target.partition("?")[0] == PATH
                self.writer.write(_reply(await arrive(target) if here else NOT_HERE))
                await self.writer.drain()
        finally:
            self.writer.close()

    def drop_if_idle(self) -> None:
        if self.idle:
            self.writer.transport.abort()


def _reply(page: Page) -> bytes:
    body = HTML.substitute(title=escape(page.title), text=escape(page.text)).encode()
    head = (
        f"HTTP/1.1 {page.status}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


HTML = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · Reelferry</title>
<style>
  :root { color-scheme: light dark;
    --window: #f6f7f9; --surface: #fff; --line: #e1e5ea; --text: #14171c; --soft: #5a6472 }
  @media (prefers-color-scheme: dark) {
    :root { --window: #16181c; --surface: #1e2126; --line: #2e333b; --text: #eceef2; --soft: #a0a9b6 }
  }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--window);
         color: var(--text); font: 15px/1.5 system-ui, sans-serif }
  main { margin: 16px; padding: 32px; max-width: 24rem; text-align: center; background: var(--surface);
         border: 1px solid var(--line); border-radius: 8px }
  h1 { margin: 0 0 8px; font-size: 20px; font-weight: 600 }
  p { margin: 0; color: var(--soft) }
</style>
<main>
<h1>$title</h1>
<p>$text</p>
</main>
</html>
""")
