"""The transfer against upload hosts with rules of their own, directly and over a line that breaks.

Two are fakes that clients of third parties have checked (tests/fakes), two are servers of third parties.
"""

import asyncio
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gcp_storage_emulator.server import create_server

from tests.engine.served import Served, serving
from tests.fakes.cloudflare_upload import FORM_RULES, RULES, CloudflareUpload
from tests.fakes.cloudflare_upload import Upload as CloudflareFile
from tests.fakes.mischief import FakeHost, Mischief
from tests.fakes.mux_upload import MuxUpload
from tests.fakes.mux_upload import Upload as MuxFile
from tests.needs import need_peer
from tests.proxy import Proxy
from uploader.engine.http import upload_client
from uploader.engine.rate import Pace
from uploader.engine.transfer import Watch, carry
from uploader.errors import Interrupted, ReelferryError, Refused, ServerBusy, UploadExpired, UploadForgotten
from uploader.protocols import PROTOCOLS, Checkpoint
from uploader.wire import ChunkRules, Ticket

pytestmark = pytest.mark.anyio

KIB, MIB = 1024, 1024 * 1024
DATA = random.Random(10).randbytes(11 * MIB + 4321)  # noqa: S311  (any bytes do)
PIECES_OF_FIVE = RULES.model_copy(update={"default": RULES.min})
PIECES_OF_ONE = ChunkRules(min=256 * KIB, max=MIB, multiple=256 * KIB, default=MIB)


@dataclass
class Host:
    """Where the file goes. `held` is what has arrived. `fake`, its `upload` and its `served`: of the fakes only."""

    protocol: str
    rules: ChunkRules
    port: int
    target: str
    held: Callable[[], bytes]
    fake: FakeHost | None = None
    upload: CloudflareFile | MuxFile | None = None
    served: Served | None = None


@contextmanager
def cloudflare_tus() -> Iterator[Host]:
    target, upload = (fake := CloudflareUpload()).grant_tus(len(DATA))
    with serving(fake) as here:
        yield Host("tus", PIECES_OF_FIVE, here.port, target, lambda: bytes(upload.held), fake, upload, here)


@contextmanager
def cloudflare_form() -> Iterator[Host]:
    target, upload = (fake := CloudflareUpload()).grant_form()
    with serving(fake) as here:
        yield Host("form", FORM_RULES, here.port, target, lambda: bytes(upload.held), fake, upload, here)


@contextmanager
def mux(*, knows_status: bool = True) -> Iterator[Host]:
    target, upload = (fake := MuxUpload(knows_status=knows_status)).grant()
    with serving(fake) as here:
        yield Host("content_range", PIECES_OF_ONE, here.port, target, lambda: bytes(upload.held), fake, upload, here)


@contextmanager
def tus_server(folder: Path) -> Iterator[Host]:
    """@tus/server, keeping files in `folder`."""
    peers = need_peer("@tus/server")
    script = Path(__file__).with_name("tus_server.mjs")
    command = ["node", str(script), str(folder)]
    with subprocess.Popen(command, cwd=peers, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            asked = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(DATA))}
            with httpx.Client(trust_env=False) as http:
                location = http.post(f"http://127.0.0.1:{port}/files", headers=asked).headers["location"]
            path = urlsplit(location).path
            yield Host("tus", ChunkRules(default=2 * MIB), port, path, (folder / Path(path).name).read_bytes)
        finally:
            process.stdin.close()


@contextmanager
def google() -> Iterator[Host]:
    """gcp-storage-emulator."""
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="films")
    server.start()
    try:
        port = server._api._httpd.server_address[1]
        address = f"http://127.0.0.1:{port}/upload/storage/v1/b/films/o?uploadType=resumable&name=a.mp4"
        with httpx.Client(trust_env=False) as http:
            session = urlsplit(http.post(address, json={"name": "a.mp4"}).headers["location"])
        target = f"{session.path}?{session.query}"
        yield Host(
            "content_range", PIECES_OF_ONE, port, target, lambda: bytes(server._storage.get_file("films", "a.mp4"))
        )
    finally:
        server.stop()


FAKES = {"cloudflare tus": cloudflare_tus, "cloudflare form": cloudflare_form, "mux": mux}


@pytest.fixture(params=FAKES)
def fake(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host that misbehaves on command."""
    with FAKES[request.param]() as host:
        yield host


@pytest.fixture(params=[*FAKES, "@tus/server", "gcp-storage-emulator"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """Any of them."""
    if request.param == "@tus/server":
        (folder := tmp_path / "files").mkdir()
        opened = tus_server(folder)
    else:
        opened = google() if request.param == "gcp-storage-emulator" else FAKES[request.param]()
    with opened as host:
        yield host


@dataclass
class Carried:
    """One file on its way to one host, over `port`; started again it goes on from its last checkpoint."""

    path: Path
    host: Host
    port: int
    points: list[Checkpoint] = field(default_factory=list)

    async def go(self) -> None:
        host, pace = self.host, Pace()
        ticket = Ticket(
            video_id="v1",
            upload_url=f"http://127.0.0.1:{self.port}{host.target}",
            provider="local",
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            protocol=host.protocol,
            chunk=host.rules,
            max_bytes=len(DATA),
        )
        resume: Mapping[str, str] = self.points[-1].resume if self.points else {}
        pace.begin(host.rules.default)
        async with upload_client() as http:
            await carry(
                http,
                self.path,
                PROTOCOLS[host.protocol](ticket, len(DATA), resume, lambda: pace.chunk),
                on_sent=lambda _: None,
                on_checkpoint=self.points.append,
                check_file=lambda: None,
                watch=Watch(pace, clock=lambda: 0.0),  # however slow the machine is, pieces grow as they may
            )

    async def fails(self, kind: type[ReelferryError]) -> ReelferryError:
        with pytest.raises(kind) as caught:
            await self.go()
        assert caught.type is kind
        await self.settled()
        return caught.value

    async def settled(self) -> None:
        """The fake has noticed that the line is gone, and has stored what had reached it."""
        if self.host.served is not None:
            await asyncio.to_thread(self.host.served.settle)

    def arrived(self) -> bool:
        """Whole, and said to be."""
        return self.points[-1].offset == len(DATA) and self.host.held() == DATA

    def twice(self, fault: str) -> int:
        """Bytes that a fake was sent more than once, and of a form what stands around the file; printed."""
        assert self.host.fake
        again = self.host.fake.bytes_received - len(DATA)
        print(f"{self.host.protocol + ', ' + fault:<36} sent twice: {again:>9,} bytes")  # noqa: T201  (the table's figures)
        return again


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "Å video #1.mp4"
    path.write_bytes(DATA)
    return path


async def test_every_byte_arrives(host: Host, video: Path):
    carried = Carried(video, host, host.port)
    await carried.go()
    assert carried.arrived()
    assert carried.points[0].offset == 0


async def test_a_line_that_is_cut_twice_costs_nothing_but_time(host: Host, video: Path):
    with Proxy(host.port) as proxy:
        carried = Carried(video, host, proxy.port)
        for cut in (6 * MIB + 1234, 3 * MIB):
            proxy.cut(up=cut)
            error = await carried.fails(Interrupted)
            assert ("from the beginning" in error.hint) == (host.protocol == "form")
        await carried.go()
    assert carried.arrived()


async def test_what_is_sent_again_after_a_cut_is_what_the_host_did_not_keep(fake: Host, video: Path):
    assert fake.fake
    with Proxy(fake.port) as proxy:
        carried = Carried(video, fake, proxy.port)
        proxy.cut(up=6 * MIB + 1234)
        await carried.fails(Interrupted)
        kept = len(fake.held())
        before = fake.fake.bytes_received
        await carried.go()
    assert carried.arrived()
    files = fake.fake.bytes_received - before - (len(DATA) - kept)
    assert 0 <= files < (1024 if fake.protocol == "form" else 1), "the form has some lines around the file"
    carried.twice("cut")
    assert kept > 5 * MIB or fake.protocol == "form"


LAST = {"tus": ("PATCH", 2), "form": ("POST", 1), "content_range": ("PUT", 12)}
"""The request that carries the last byte."""


async def test_a_lost_last_reply_is_made_good(fake: Host, video: Path):
    """Where the host can be asked, by asking; where it cannot, by asking the backend."""
    with Proxy(fake.port) as proxy:
        carried = Carried(video, fake, proxy.port)
        proxy.swallow(*LAST[fake.protocol])
        await carried.fails(Interrupted)
        assert fake.held() == DATA
        assert carried.points[-1].offset < len(DATA), "nobody said that it is all there"
        if fake.protocol == "form":
            await carried.fails(UploadForgotten)
        else:
            await carried.go()
            assert carried.arrived()
    assert fake.held() == DATA
    assert carried.twice("last reply lost") < 1024


@pytest.mark.parametrize(("opened", "method"), [(cloudflare_tus, "PATCH"), (mux, "PUT")])
async def test_a_host_that_keeps_less_than_was_sent_gets_the_rest(
    opened: Callable[[], AbstractContextManager[Host]], method: str, video: Path
):
    with opened() as host:
        assert host.fake
        host.fake.misbehave(method, Mischief(keep=700_000))
        carried = Carried(video, host, host.port)
        await carried.go()
        assert carried.points[1].offset == 700_000
        assert carried.arrived()
        assert carried.twice("took less") == (carried.host.rules.default if method == "PATCH" else MIB) - 700_000


async def test_data_answered_without_a_range_is_asked_about(video: Path):
    with mux() as host:
        assert host.fake
        host.fake.misbehave("PUT", Mischief(), Mischief(status=308))
        carried = Carried(video, host, host.port)
        await carried.go()
        assert [seen.headers["content-range"][:9] for seen in host.fake.seen].count("bytes */1") == 1
        assert carried.arrived()
        assert carried.twice("308 without a range") == 0, "the fake that said so had not read it"


async def test_a_host_that_cannot_say_where_it_stands_gets_what_follows_its_last_word(video: Path):
    with mux(knows_status=False) as host:
        assert host.fake
        host.fake.misbehave("PUT", *[Mischief()] * 3, Mischief(status=503))
        carried = Carried(video, host, host.port)
        await carried.fails(ServerBusy)
        assert carried.points[-1].offset == 3 * MIB
        await carried.go()
        assert carried.arrived()
        assert carried.twice("cannot say where it stands") == 0, "the fake that was busy had not read it"


async def test_where_even_that_is_refused_the_upload_is_forgotten(video: Path):
    """It kept bytes of a broken piece, cannot say how many, and takes no piece but the next."""
    with mux(knows_status=False) as host, Proxy(host.port) as proxy:
        carried = Carried(video, host, proxy.port)
        proxy.cut(up=3 * MIB + 600_000)
        await carried.fails(Interrupted)
        await carried.fails(UploadForgotten)


async def test_an_address_past_its_time(fake: Host, video: Path):
    assert fake.upload
    fake.upload.expired = True
    await Carried(video, fake, fake.port).fails(UploadExpired)


async def test_an_address_that_is_not_known(fake: Host, video: Path):
    fake.target = fake.target.replace("0000", "1111", 1)
    await Carried(video, fake, fake.port).fails(UploadForgotten)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(fake: Host, video: Path, status: int):
    assert fake.fake
    method = LAST[fake.protocol][0]
    headers = {"location": "/elsewhere", "tus-resumable": "1.0.0"}
    fake.fake.misbehave(method, Mischief(status=status, headers=headers))
    await Carried(video, fake, fake.port).fails(Refused)
    assert {seen.target for seen in fake.fake.seen} == {fake.target}


async def test_a_piece_grows_with_the_line_where_yes_is_called_308(video: Path):
    with mux() as host:
        assert host.fake
        host.rules = ChunkRules(min=256 * KIB, multiple=256 * KIB, default=256 * KIB)
        await Carried(video, host, host.port).go()
        assert [seen.body for seen in host.fake.seen][:3] == [256 * KIB, 512 * KIB, MIB]
