"""A crowd of clients in one loop, as cheap as they can be: what is measured is the server, not they."""

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Ask:
    """One request without a body."""

    method: str
    url: str
    headers: Mapping[str, str]

    def send(self, writer: asyncio.StreamWriter) -> None:
        """Begin."""
        parts = urlsplit(self.url)
        lines = [f"{self.method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())

    async def on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Send it and read the whole reply; its status."""
        self.send(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
        if self.method != "HEAD":
            await reader.readexactly(length)
        return int(head.split(" ", 2)[1])

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection for it."""
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port)


async def steadily(asks: Sequence[Ask], a_second: int, until: asyncio.Event) -> list[float]:
    """Send them in turn, so many a second, whether earlier ones were answered or not; how long each took, in ms.

    Counted from when it was due, so that a server that stops answering cannot hide it.
    """
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    took: list[float] = []
    begun, number = time.perf_counter(), 0

    async def one(ask: Ask, due: float) -> None:
        connection = idle.pop() if idle else await ask.connected()
        status = await ask.on(*connection)
        if status != 200:
            raise RuntimeError(f"{ask.method} was answered {status}")
        took.append((time.perf_counter() - due) * 1000)
        idle.append(connection)

    async with asyncio.TaskGroup() as group:
        while not until.is_set():
            due = begun + number / a_second
            await asyncio.sleep(max(0, due - time.perf_counter()))
            group.create_task(one(asks[number % len(asks)], due))
            number += 1
    for _, writer in idle:
        writer.close()
    return took


@dataclass
class Stream:
    """An open event stream."""

    _data: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def listen(self, ask: Ask, opened: asyncio.Semaphore) -> None:
        """Until it is cancelled. `opened` is released once the server has agreed."""
        reader, writer = await ask.connected()
        try:
            ask.send(writer)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if " 200 " not in head.partition("\r\n")[0]:
                raise RuntimeError(f"an event stream was answered {head}")
            opened.release()
            while line := await reader.readline():
                if line.startswith(b"data:"):
                    self._data.put_nowait(line.decode())
            raise RuntimeError("an event stream ended")
        finally:
            writer.close()

    async def told(self, *words: str) -> None:
        """Wait until it is told something with all these words in it."""
        line = ""
        while not all(word in line for word in words):
            line = await self._data.get()


@asynccontextmanager
async def listening(asks: Sequence[Ask]) -> AsyncIterator[list[Stream]]:
    """All of them open while the block runs. RuntimeError if one ends by itself."""
    streams = [Stream() for _ in asks]
    opened = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stream.listen(ask, opened)) for stream, ask in zip(streams, asks, strict=True)]
        for _ in asks:
            await opened.acquire()
        yield streams
        for task in tasks:
            task.cancel()


async def upload(film: Path, urls: Sequence[str]) -> None:
    """One PATCH of the whole file to each, by as many curls at once.

    A shell starts them: this loop would stand still for each, and what it measures would not be the server.
    """
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    said = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-X", "PATCH", "-T", str(film), *said, "-H", "Expect:", "-o", "/dev/null"]
    each = f"{shlex.join([*command, '-w', '%{http_code} '])} $url &"
    script = f"for url; do {each} done; wait"
    process = await asyncio.create_subprocess_exec("sh", "-c", script, "sh", *urls, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if out.split() != [b"204"] * len(urls):
        raise RuntimeError(f"uploads were answered {out.decode()}")
