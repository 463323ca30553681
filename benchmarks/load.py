"""Our server under a whole load at once: uploads, event streams, status requests; @tus/server beside it."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.crowd import Ask, listening, steadily, upload
from benchmarks.local_server import Local, local_server
from benchmarks.plan import Plan
from benchmarks.receive import TUS, tus_server
from benchmarks.row import Row, at_least, no_more_than
from benchmarks.timed import PEERS
from tests.backend.server import make_token, make_user
from tests.flow.stage import Server
from uploader.wire import Ticket

MIB = 1 << 20
UPLOADS = 20
STREAMS = 200
A_PERSONS = 8  # streams
A_SECOND = 50
CORES = 2


@dataclass
class Found:
    """What was seen in all runs: bytes a second of each, milliseconds of each request, MiB at the end."""

    rates: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    memory: float = 0

    @property
    def p99(self) -> float:
        """In milliseconds."""
        return statistics.quantiles(self.took, n=100, method="inclusive")[98]


def all_at_once(plan: Plan) -> Iterator[Row]:
    """Twenty uploads, 200 event streams and 50 status requests a second, on two cores.

    No upload is ever complete (each lacks one byte), so that nothing is transcoded meanwhile. The peer has no streams
    and no status: it is asked for its uploads' offsets instead.
    """
    if not (PEERS / "node_modules" / "@tus" / "server").is_dir():
        print("(no @tus/server in tests/peers: no rows on the load)")
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(cores)[:CORES]))
    try:
        size = max(plan.size // 10, MIB)
        film = plan.film(size)
        ours, theirs = Found(), Found()
        with plan.home() as home, plan.home() as folder, local_server(Server(home / "data")) as local:
            crowd = Crowd(local)
            with tus_server(folder) as (endpoint, pid):
                for _ in range(min(plan.runs, 3)):
                    crowd.run(film, ours)
                    _peer(endpoint, film, folder, theirs)
                theirs.memory = _peak(pid)
            assert local.server.process
            ours.memory = _peak(local.server.process.pid)
    finally:
        os.sched_setaffinity(0, cores)
    what = f"{UPLOADS} × {size / MIB:.0f} MiB, {STREAMS} streams, {A_SECOND} status/s"
    rates = statistics.median(ours.rates), statistics.median(theirs.rates)
    yield at_least(f"{what}: bytes", rates[0] / MIB, rates[1] / MIB, "MiB/s", 1)
    yield no_more_than(f"{what}: p99 of status", ours.p99, theirs.p99, "ms", 150)
    yield no_more_than(f"{what}: peak memory", ours.memory, theirs.memory, "MiB", 250)


class Crowd:
    """People with eight streams each; the first twenty of them upload, and everybody asks for those uploads."""

    def __init__(self, local: Local) -> None:
        self._url = local.server.url
        people = [make_user(local.database, f"person{number}") for number in range(STREAMS // A_PERSONS)]
        self._headers = [{"Authorization": f"Bearer {make_token(local.database, one)}"} for one in people]

    def run(self, film: Path, found: Found) -> None:
        """One run. Every stream of an uploader has to hear of the upload's end."""
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as api:
            tickets = [_ticket(api, headers, film.stat().st_size + 1) for headers in self._headers[:UPLOADS]]
            asyncio.run(self._run(api, film, tickets, found))

    async def _run(self, api: httpx.Client, film: Path, tickets: Sequence[Ticket], found: Found) -> None:
        streams = [Ask("GET", f"{self._url}/api/videos/events", headers) for headers in self._headers] * A_PERSONS
        paths = [f"/api/videos/{ticket.video_id}" for ticket in tickets]
        mine = list(zip(paths, self._headers, strict=False))
        asks = [Ask("GET", f"{self._url}{path}/status", headers) for path, headers in mine]
        async with listening(streams) as listeners:
            await _measured(film, [ticket.upload_url for ticket in tickets], asks, found)
            for path, headers in mine:
                await asyncio.to_thread(api.delete, path, headers=headers)
            for number, stream in enumerate(listeners):
                if (person := number % len(self._headers)) < UPLOADS:
                    await asyncio.wait_for(stream.told(tickets[person].video_id, '"cancelled"'), 60)


def _peer(endpoint: str, film: Path, folder: Path, found: Found) -> None:
    with httpx.Client(trust_env=False, timeout=60) as api:
        size = {**TUS, "Upload-Length": str(film.stat().st_size + 1)}
        urls = [api.post(endpoint, headers=size).headers["location"] for _ in range(UPLOADS)]
    asyncio.run(_measured(film, urls, [Ask("HEAD", url, TUS) for url in urls], found))
    for file in folder.iterdir():
        file.unlink()


async def _measured(film: Path, urls: Sequence[str], asks: Sequence[Ask], found: Found) -> None:
    """All uploads at once, and requests for as long as they take."""
    ended = asyncio.Event()
    asking = asyncio.create_task(steadily(asks, A_SECOND, ended))
    begun = time.perf_counter()
    try:
        await upload(film, urls)
    finally:
        seconds = time.perf_counter() - begun
        ended.set()
    found.rates.append(len(urls) * film.stat().st_size / seconds)
    found.took.extend(await asking)


def _ticket(api: httpx.Client, headers: dict[str, str], size: int) -> Ticket:
    asked = {"filename": "film.mp4", "fileSize": size, "mimeType": "video/mp4"}
    reply = api.post("/api/videos/upload-url", json=asked, headers=headers)
    return Ticket.model_validate_json(reply.raise_for_status().content)


def _peak(process: int) -> float:
    """The most memory it ever had, in MiB."""
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
