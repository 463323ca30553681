"""A conversation carried over real sockets: whole, honest, and awake to everything that can break."""

import asyncio
import fcntl
import os
import socket
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest

from tests.engine.served import Stage
from tests.engine.upload_host import UploadHost
from tests.proxy import Proxy
from uploader.engine import line
from uploader.engine.http import upload_client
from uploader.engine.rate import Pace
from uploader.engine.transfer import Watch, carry
from uploader.errors import (
    CaptivePortal,
    FileChanged,
    FileMissing,
    Interrupted,
    NotAServer,
    Offline,
    ReelferryError,
    Refused,
    ServerBusy,
    Stalled,
)
from uploader.protocols import PROTOCOLS
from uploader.wire import ChunkRules, Ticket

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
SIZE = 5 * MIB + 4321


@dataclass
class Carried:
    """One file on its way, and what was said about it."""

    path: Path
    url: str
    size: int = SIZE
    rules: ChunkRules = field(default_factory=lambda: ChunkRules(default=MIB))
    pace: Pace = field(default_factory=Pace)
    check: Callable[[], None] = lambda: None
    sent: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    on_sent: Callable[[int], None] | None = None

    async def go(self) -> None:
        """Upload from wherever the host stands."""
        ticket = Ticket(
            video_id="v1",
            upload_url=self.url,
            provider="local",
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            protocol="tus",
            chunk=self.rules,
            max_bytes=self.size,
        )
        self.pace.begin(self.rules.default)
        async with upload_client() as http:
            await carry(
                http,
                self.path,
                PROTOCOLS["tus"](ticket, self.size, {}, lambda: self.pace.chunk),
                on_sent=self.on_sent or self.sent.append,
                on_checkpoint=lambda point: self.points.append(point.offset),
                check_file=self.check,
                watch=Watch(self.pace, self.clock),
            )

    async def fails(self, kind: type[ReelferryError]) -> ReelferryError:
        with pytest.raises(kind) as caught:
            await self.go()
        assert caught.type is kind
        return caught.value


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "Å video #1.mp4"
    path.write_bytes(os.urandom(SIZE))
    os.utime(path, (1_000_000_000, 1_000_000_000))  # whoever changes it gives it another time
    return path


@pytest.fixture
def host() -> UploadHost:
    return UploadHost(SIZE)


@pytest.fixture
def port(host: UploadHost, stage: Stage) -> int:
    stage.app = host
    return stage.port


@pytest.fixture
def carried(video: Path, port: int) -> Carried:
    return Carried(video, f"http://127.0.0.1:{port}/files/1")


@pytest.fixture
def proxy(port: int, carried: Carried) -> Iterator[Proxy]:
    with Proxy(port) as proxy:
        carried.url = f"{proxy.url}/files/1"
        yield proxy


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in another thread)
            await asyncio.sleep(0.005)


async def test_every_byte_arrives_once(carried: Carried, host: UploadHost, video: Path):
    await carried.go()
    assert bytes(host.held) == video.read_bytes()
    assert host.bytes_received == SIZE
    assert carried.points[0] == 0
    assert carried.points[-1] == SIZE
    assert [seen.method for seen in host.seen].count("HEAD") == 1


async def test_the_address_is_taken_verbatim_and_nothing_says_who_we_are(carried: Carried, host: UploadHost):
    target = "/up%2fload//%C3%A9/../1;v=2?tusv2=true&sig=a%2fb+c=='~|&empty="
    carried.url = carried.url.replace("/files/1", target) + "#fragment"
    await carried.go()
    assert {seen.target for seen in host.seen} == {target.encode()}
    usual = {"host", "user-agent", "accept", "accept-encoding", "connection", "tus-resumable"}
    for seen in host.seen:
        named = set(seen.headers) - usual
        if seen.method == "PATCH":
            assert named == {"content-length", "content-type", "upload-offset"}, "no token, no cookie, no expectation"
        else:
            assert not named
    assert len(host.seen) > 3, "the cookie that was set had a chance to come back"


async def test_an_address_without_a_path_is_the_root(carried: Carried, host: UploadHost):
    carried.url = carried.url.replace("/files/1", "?ticket=1")
    await carried.go()
    assert {seen.target for seen in host.seen} == {b"/?ticket=1"}


async def test_a_line_cut_in_mid_chunk_costs_no_byte_twice(
    stage: Stage, carried: Carried, proxy: Proxy, host: UploadHost, video: Path
):
    for _ in range(3):
        proxy.cut(up=1_234_567)
        await carried.fails(Interrupted)
        await stage.settle()
    await carried.go()
    assert bytes(host.held) == video.read_bytes()
    assert host.bytes_received == SIZE


async def test_a_lost_last_reply_is_asked_for_and_nothing_is_sent_again(
    carried: Carried, proxy: Proxy, host: UploadHost, video: Path
):
    carried.rules = ChunkRules(default=SIZE)
    proxy.swallow("PATCH")
    await carried.fails(Interrupted)
    assert carried.points == [0], "nobody said that the host has it all"
    await carried.go()
    assert carried.points == [0, SIZE]
    assert host.bytes_received == SIZE
    assert bytes(host.held) == video.read_bytes()


async def test_stopped_in_mid_chunk_it_goes_on_from_there(
    stage: Stage, carried: Carried, host: UploadHost, video: Path, proxy: Proxy
):
    carried.rules = ChunkRules(default=SIZE)
    proxy.hold(up=2 * MIB)
    task = asyncio.create_task(carried.go())
    await until(lambda: proxy.up == 2 * MIB and len(host.held) > MIB)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    proxy.reset()  # what is still under way in it is lost, as on a real line
    await stage.settle()
    proxy.flow()
    stopped_at = len(host.held)
    assert MIB < stopped_at < SIZE
    await carried.go()
    assert carried.points[-2] == stopped_at
    assert bytes(host.held) == video.read_bytes()
    assert host.bytes_received == SIZE


async def test_silence_is_a_stall_and_the_next_chunk_is_smaller(carried: Carried, proxy: Proxy):
    def impatient() -> None:  # once the host has said where it stands, in its own time
        carried.pace.silence = carried.pace.reply = 0.5

    carried.check = impatient
    carried.on_sent = lambda sent: proxy.stall()
    await carried.fails(Stalled)
    assert carried.pace.chunk == MIB // 2
    assert carried.points == [0]


async def test_silence_before_the_first_reply_is_a_stall(carried: Carried, proxy: Proxy):
    carried.pace = Pace(silence=0.3, reply=0.3)
    proxy.stall()
    await carried.fails(Stalled)
    assert carried.pace.chunk == MIB, "no chunk was under way"


async def test_a_trickle_is_not_silence(
    carried: Carried, port: int, host: UploadHost, video: Path, monkeypatch: pytest.MonkeyPatch
):
    """While bytes are acknowledged it may take as long as it takes: far longer than silence would be borne."""
    host.size = carried.size = 1_200_000
    os.truncate(video, host.size)
    carried.rules = ChunkRules(default=host.size)
    carried.pace = Pace(silence=0.04, reply=0.04)
    looks = 0

    class Looking(line._Patience):
        """Looks whenever more has passed than the line can hold, as if that took so long; who is late is not silent."""

        def __enter__(self) -> None:
            self._passed = narrow.up
            super().__enter__()

        def _look(self, pause: float) -> None:
            nonlocal looks
            if narrow.up - self._passed < 64 * 1024:
                self._next = self._loop.call_later(pause, self._look, pause)
                return
            self._passed = narrow.up
            looks += 1
            super()._look(pause)

    monkeypatch.setattr(line, "_Patience", Looking)
    with Proxy(port, receive_buffer=4096) as narrow:
        carried.url = f"{narrow.url}/files/1"
        narrow.trickle(600_000)
        await carried.go()
    assert looks > 2 * line.LOOKS, "or this proves nothing"
    assert bytes(host.held) == video.read_bytes()
    assert [seen.method for seen in host.seen] == ["HEAD", "PATCH"]


class Curt:
    """A host that answers a PATCH from its head alone, and then hangs up or does not.

    It may go on to read `after` more bytes and to say something `final`.
    """

    def __init__(self, reply: bytes, *, hang_up: bool = True, after: int = 0, final: bytes = b"") -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.reply, self.hang_up, self.after, self.final = reply, hang_up, after, final
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join(60)
        self.listener.close()

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            self.head(connection)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 0\r\n\r\n"
            )
            self.head(connection)
            connection.sendall(self.reply)
            if self.after:
                self.let_it_fill(connection)
            while self.after > 0:
                self.after -= len(connection.recv(65536))
            connection.sendall(self.final)
            if not self.hang_up:
                self.done.wait()

    @staticmethod
    def let_it_fill(connection: socket.socket) -> None:
        """Read nothing until nothing more comes: the other side waits for us."""
        before, waiting = -1, 0
        while before != waiting or not waiting:
            before = waiting
            time.sleep(0.05)
            waiting = int.from_bytes(fcntl.ioctl(connection, termios.FIONREAD, bytes(4)), sys.byteorder)

    @staticmethod
    def head(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(1)


@pytest.mark.parametrize("hang_up", [False, True], ids=["stays", "hangs up"])
async def test_a_host_that_says_no_in_mid_body_is_heard_at_once(tmp_path: Path, hang_up: bool):
    video = tmp_path / "large.mp4"
    video.write_bytes(b"\0")
    os.truncate(video, 200 * MIB)
    reply = b"HTTP/1.1 413 No\r\nTus-Resumable: 1.0.0\r\nContent-Length: 9\r\n\r\ntoo large"
    with Curt(reply, hang_up=hang_up) as host:
        carried = Carried(video, f"http://127.0.0.1:{host.port}/", 200 * MIB, ChunkRules(default=200 * MIB))
        async with asyncio.timeout(60):
            error = await carried.fails(Refused)
    assert "too large" in error.detail
    assert max(carried.sent, default=0) < 100 * MIB


async def test_a_continue_in_mid_body_is_no_answer(tmp_path: Path):
    """Some servers send 100 Continue unasked; the body goes on."""
    video = tmp_path / "large.mp4"
    video.write_bytes(b"\0")
    os.truncate(video, 20 * MIB)
    final = f"HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {20 * MIB}\r\n\r\n"
    with Curt(b"HTTP/1.1 100 Continue\r\n\r\n", after=20 * MIB, final=final.encode()) as host:
        async with asyncio.timeout(60):
            await Carried(video, f"http://127.0.0.1:{host.port}/", 20 * MIB, ChunkRules(default=20 * MIB)).go()


async def test_nobody_there_is_offline(carried: Carried, proxy: Proxy):
    proxy.go_away()
    await carried.fails(Offline)
    proxy.come_back()
    await carried.go()


async def test_a_name_that_does_not_resolve_is_offline(carried: Carried):
    carried.url = f"http://{'a' * 64}.test/files/1"
    await carried.fails(Offline)


async def test_an_address_that_is_none_is_said_to_be_none(carried: Carried):
    carried.url = "nowhere"
    await carried.fails(NotAServer)


async def test_a_network_that_answers_in_the_hosts_place_is_told_apart(carried: Carried, host: UploadHost):
    host.answers["HEAD"] = (200, {"content-type": "text/html"}, b"")
    await carried.fails(CaptivePortal)


async def test_redirects_are_not_followed(carried: Carried, host: UploadHost):
    host.answers["HEAD"] = (307, {"location": "/elsewhere", "tus-resumable": "1.0.0"}, b"")
    await carried.fails(Refused)
    assert [seen.target for seen in host.seen] == [b"/files/1"]


async def test_a_busy_host_says_when_to_come_back(carried: Carried, host: UploadHost):
    host.answers["PATCH"] = (429, {"retry-after": "7"}, b"slow down")
    error = await carried.fails(ServerBusy)
    assert isinstance(error, ServerBusy)
    assert error.retry_after == 7
    assert carried.pace.chunk == MIB // 2


async def test_an_endless_reply_is_not_read_to_its_end(carried: Carried, host: UploadHost):
    host.answers["PATCH"] = (400, {}, b"no! " * 10**6)
    error = await carried.fails(Refused)
    assert len(error.detail) < 1000


async def test_a_file_that_is_gone_is_not_uploaded(carried: Carried, host: UploadHost, video: Path):
    video.unlink()
    await carried.fails(FileMissing)
    assert host.bytes_received == 0


async def test_the_file_is_looked_at_before_each_chunk(carried: Carried, host: UploadHost):
    asked: list[int] = []

    def check() -> None:
        asked.append(len(host.held))
        if len(asked) == 3:
            raise FileChanged

    carried.check, carried.clock = check, lambda: 6.0
    carried.rules = ChunkRules(max=MIB, default=MIB)
    await carried.fails(FileChanged)
    assert asked == [0, MIB, 2 * MIB]
    assert len(host.held) == 2 * MIB


@pytest.mark.parametrize("how", ["edited", "shortened", "lengthened"])
async def test_no_byte_of_a_file_that_changed_on_the_way_is_counted(
    stage: Stage, carried: Carried, host: UploadHost, video: Path, how: str
):
    original = video.read_bytes()
    carried.rules = ChunkRules(default=SIZE)

    def change(sent: int) -> None:
        with video.open("r+b") as file:
            if how == "edited":
                file.seek(SIZE - 10)
                file.write(b"otherwise!")
            else:
                file.truncate(SIZE - 10 if how == "shortened" else SIZE + 10)

    carried.on_sent = change
    await carried.fails(FileChanged)
    await stage.settle()
    assert len(host.held) < SIZE
    assert original.startswith(bytes(host.held))


async def test_a_file_replaced_while_it_is_opened_is_not_uploaded(carried: Carried, host: UploadHost, video: Path):
    other = video.with_name("other")
    other.write_bytes(b"y" * SIZE)
    carried.check = lambda: None if not other.exists() else void(other.replace(video))
    await carried.fails(FileChanged)
    assert host.bytes_received == 0


def void(_: object) -> None:
    """Nothing."""


async def test_what_has_left_is_told_in_order_and_not_too_often(carried: Carried, host: UploadHost):
    ticks = iter(range(10**6))
    carried.clock = lambda: next(ticks) / 50  # one look at the clock is 20 ms
    await carried.go()
    assert carried.sent == sorted(carried.sent)
    assert 0 < len(carried.sent) <= next(ticks) / 50 / 0.1


async def test_a_chunk_grows_with_the_line(carried: Carried, host: UploadHost):
    carried.rules = ChunkRules(default=256 * 1024)
    carried.clock = lambda: 6.0  # no time passes on it: a line can be no faster
    await carried.go()
    lengths = [seen.body for seen in host.seen if seen.method == "PATCH"]
    assert lengths[:3] == [256 * 1024, 512 * 1024, MIB]
