"""The two clients: whom they trust, what they never send, and what breaking looks like from here."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.engine.certificates import certificates
from tests.engine.served import served
from tests.engine.upload_host import UploadHost
from tests.proxy import Proxy
from uploader.engine.http import api_client, translated, upload_client
from uploader.engine.rate import Pace
from uploader.engine.transfer import Watch, carry
from uploader.errors import Interrupted, NotAServer, Offline, ReelferryError, Untrusted
from uploader.protocols import PROTOCOLS
from uploader.wire import ChunkRules, Ticket

pytestmark = pytest.mark.anyio


class Mirror:
    """Tells what it was asked; sets a cookie, redirects where told to."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        request = Request(scope)
        answer: Response = JSONResponse(dict(request.headers))
        if request.url.path == "/redirect":
            answer = Response(status_code=302, headers={"location": "/"})
        answer.set_cookie("who", "you")
        await answer(scope, receive, send)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture
def port(mirror: Mirror) -> Iterator[int]:
    with served(mirror) as port:
        yield port


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    return certificates(tmp_path)


async def test_the_upload_client_sends_nothing_of_its_own_but_its_name(port: int):
    async with upload_client() as http:
        for _ in range(2):
            reply = await http.get(f"http://127.0.0.1:{port}/")
            said = reply.json()
            assert set(said) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
            assert said["user-agent"].startswith("Reelferry/")


async def test_the_api_client_keeps_no_cookie(port: int):
    async with api_client(f"http://127.0.0.1:{port}") as http:
        await http.get("/")
        assert "cookie" not in (await http.get("/")).json()


@pytest.mark.parametrize("which", ["api", "upload"])
async def test_no_client_follows_a_redirect(port: int, mirror: Mirror, which: str):
    url = f"http://127.0.0.1:{port}"
    async with api_client(url) if which == "api" else upload_client() as http:
        assert (await http.get(f"{url}/redirect")).status_code == 302
    assert mirror.requests == 1


@pytest.mark.parametrize("which", ["api", "upload"])
async def test_a_certificate_nobody_vouches_for_ends_the_talk_before_it_begins(
    mirror: Mirror, files: tuple[Path, Path, Path], which: str
):
    with served(mirror, tls=files[1:]) as port:
        url = f"https://127.0.0.1:{port}/"
        async with api_client(url) if which == "api" else upload_client() as http:
            with pytest.raises(Untrusted), translated():
                await http.get(url)
    assert mirror.requests == 0


@pytest.mark.parametrize("which", ["api", "upload"])
async def test_an_authority_the_system_trusts_is_trusted(
    mirror: Mirror, files: tuple[Path, Path, Path], which: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with served(mirror, tls=files[1:]) as port:
        url = f"https://127.0.0.1:{port}/"
        async with api_client(url) if which == "api" else upload_client() as http:
            assert (await http.get(url)).status_code == 200


async def test_a_whole_file_goes_through_tls(
    files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(range(256)) * 20_000)
    host = UploadHost(5_120_000)
    with served(host, tls=files[1:]) as port:
        ticket = Ticket.model_validate(
            {
                "video_id": "v",
                "upload_url": f"https://127.0.0.1:{port}/files/1",
                "provider": "local",
                "expires_at": "2030-01-01T00:00:00Z",
                "protocol": "tus",
                "chunk": ChunkRules(default=2_000_000),
                "max_bytes": host.size,
            }
        )
        async with upload_client() as http:
            await carry(
                http,
                video,
                PROTOCOLS["tus"](ticket, host.size, {}, lambda: 2_000_000),
                on_sent=lambda _: None,
                on_checkpoint=lambda _: None,
                check_file=lambda: None,
                watch=Watch(Pace()),
            )
    assert bytes(host.held) == video.read_bytes()


async def test_speaking_tls_to_a_server_that_does_not_is_no_trust(port: int):
    async with upload_client() as http:
        with pytest.raises(Untrusted), translated():
            await http.get(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize("which", ["api", "upload"])
async def test_a_line_that_ends_before_anybody_proved_anything_is_an_interruption(which: str):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with api_client(url) if which == "api" else upload_client() as http:
            with pytest.raises((Interrupted, Offline)), translated():
                await http.get(url)


async def test_a_connection_that_breaks_before_the_reply_is_an_interruption(port: int):
    with Proxy(port) as proxy:
        async with api_client(proxy.url) as http:
            proxy.cut(down=10)
            with pytest.raises(Interrupted), translated():
                await http.get("/")


async def test_a_refused_connection_is_offline(port: int):
    with Proxy(port) as proxy:
        proxy.go_away()
        async with api_client(proxy.url) as http:
            with pytest.raises(Offline), translated():
                await http.get("/")


@pytest.mark.parametrize("address", ["nowhere", "ftp://127.0.0.1/", "http://[::1", "http://127.0.0.1:x/"])
async def test_an_address_that_is_none_is_no_server(address: str):
    async def ask() -> None:
        async with api_client(address) as http:
            with translated():
                await http.get("/")

    with pytest.raises(NotAServer):
        await ask()


def test_what_is_translated_keeps_the_foreign_words_for_the_log():
    with pytest.raises(ReelferryError, match="ReadError: gone"), translated():
        raise httpx.ReadError("gone")
