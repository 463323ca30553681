"""Which proxy a connection goes through, and through a real one: TLS, whole files, and passwords."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.engine.certificates import certificates
from tests.engine.served import served
from tests.engine.upload_host import UploadHost
from tests.fakes.tls_front import TlsFront
from tests.proxies import ELSEWHERE, PASSWORD, ForeignProxy
from uploader.engine.http import api_client, translated, upload_client
from uploader.engine.proxies import Proxy, proxy_for
from uploader.engine.rate import Pace
from uploader.engine.session import MemoryVault
from uploader.engine.transfer import Watch, carry
from uploader.engine.way_out import Way, WayOut, safe_name
from uploader.errors import KeyringLocked, Offline, ProxyRefused, ProxyUnreachable
from uploader.protocols import PROTOCOLS
from uploader.wire import ChunkRules, Ticket


@pytest.fixture(autouse=True)
def _no_system_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


@pytest.mark.parametrize(
    ("typed", "proxy", "address"),
    [
        ("http://proxy.example:3128", Proxy("http", "proxy.example", 3128), "http://proxy.example:3128"),
        ("proxy.example:3128", Proxy("http", "proxy.example", 3128), "http://proxy.example:3128"),
        ("https://ada@proxy.example", Proxy("https", "proxy.example", 443, "ada"), "https://ada@proxy.example:443"),
        ("socks5h://10.0.0.1", Proxy("socks5", "10.0.0.1", 1080), "socks5://10.0.0.1:1080"),
        ("socks://[fe80::1]:9050/", Proxy("socks5", "fe80::1", 9050), "socks5://[fe80::1]:9050"),
        (
            "http://club%5Cada:a%20b@proxy:80",
            Proxy("http", "proxy", 80, "club\\ada", "a b"),
            "http://club%5Cada@proxy:80",
        ),
    ],
)
def test_a_proxy_is_understood_and_written_down_without_its_password(typed: str, proxy: Proxy, address: str) -> None:
    assert Proxy.parse(typed) == proxy
    assert proxy.address == address
    assert Proxy.parse(address).address == address
    assert "a b" not in repr(proxy)


@pytest.mark.parametrize(
    "typed",
    [
        "ftp://proxy", "http://", "socks4://proxy", "http://proxy:x", "http://proxy/path", "http://a b",
        "http://proxy:99999", "http://ada:l0ve/lace@proxy:80",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_without_repeating_a_password(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^not the address of a proxy$"):
        Proxy.parse(typed)


def test_the_systems_proxies_and_their_exceptions_are_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https", "films.example", 443, "system") is None
    monkeypatch.setenv("https_proxy", "http://a:1")
    monkeypatch.setenv("all_proxy", "socks5://b:2")
    assert proxy_for("https", "films.example", 443, "system") == Proxy("http", "a", 1)
    assert proxy_for("http", "films.example", 80, "system") == Proxy("socks5", "b", 2)
    assert proxy_for("https", "films.example", 443, "none") is None
    assert proxy_for("https", "films.example", 443, "http://c:3") == Proxy("http", "c", 3)
    monkeypatch.setenv("no_proxy", "films.example,other.example:8443")
    assert proxy_for("https", "films.example", 443, "system") is None
    assert proxy_for("https", "other.example", 8443, "system") is None
    assert proxy_for("https", "other.example", 443, "system") == Proxy("http", "a", 1)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "LOCALHOST.", "films.localhost"])
def test_what_is_on_this_computer_is_never_reached_through_a_proxy(host: str) -> None:
    assert proxy_for("http", host, 80, "http://c:3") is None


@pytest.fixture(params=["http", "socks5"])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForeignProxy]:
    with ForeignProxy(request.param, tmp_path) as proxy:
        yield proxy


async def knowing(address: str, password: str = PASSWORD) -> MemoryVault:
    vault = MemoryVault()
    await vault.save(safe_name(address), password)
    return vault


async def send(video: Path, url: str, way_out: WayOut) -> None:
    """Upload a file with the real client."""
    size = video.stat().st_size
    ticket = Ticket.model_validate(
        {
            "video_id": "v",
            "upload_url": url,
            "provider": "local",
            "expires_at": "2030-01-01T00:00:00Z",
            "protocol": "tus",
            "chunk": ChunkRules(default=2_000_000),
            "max_bytes": size,
        }
    )
    async with upload_client(way_out) as http:
        await carry(
            http,
            video,
            PROTOCOLS["tus"](ticket, size, {}, lambda: 2_000_000),
            on_sent=lambda _: None,
            on_checkpoint=lambda _: None,
            check_file=lambda: None,
            watch=Watch(Pace()),
        )


@pytest.mark.anyio
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_whole_file_goes_through_and_its_address_is_taken_verbatim(
    foreign: ForeignProxy, tmp_path: Path, encrypted: bool
) -> None:
    authority, *keys = certificates(tmp_path, ELSEWHERE)
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(range(256)) * 20_000)
    host = UploadHost(video.stat().st_size)
    way_out = WayOut(Way(foreign.address, authority), await knowing(foreign.address))
    with served(host, tls=(keys[0], keys[1]) if encrypted else None) as port:
        target = "/files/%7Eada//1?sig=a%2Fb"
        await send(video, f"{'https' if encrypted else 'http'}://{ELSEWHERE}:{port}{target}", way_out)
    assert bytes(host.held) == video.read_bytes()
    assert {seen.target for seen in host.seen} == {target.encode()}
    assert not any("proxy-authorization" in seen.headers for seen in host.seen)


@pytest.mark.anyio
async def test_a_proxy_may_itself_be_spoken_to_over_tls(tmp_path: Path) -> None:
    """The server's TLS within the proxy's; both authorities are in the one file."""
    for name in ("proxy", "server"):
        (tmp_path / name).mkdir()
    authority, *keys = certificates(tmp_path / "proxy")
    other, *others = certificates(tmp_path / "server", ELSEWHERE)
    authority.write_bytes(authority.read_bytes() + other.read_bytes())
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(3_000_000))
    host = UploadHost(video.stat().st_size)
    with (
        ForeignProxy("http", tmp_path) as foreign,
        TlsFront(foreign.port) as front,
        served(host, tls=(others[0], others[1])) as port,
    ):
        front.show(keys[0], keys[1])
        address = f"https://ada@127.0.0.1:{front.port}"
        way_out = WayOut(Way(address, authority), await knowing(address))
        await send(video, f"https://{ELSEWHERE}:{port}/files/1", way_out)
    assert len(host.held) == 3_000_000


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("password", [None, "guess"])
async def test_a_wrong_password_is_the_proxys_refusal_and_not_the_servers(
    foreign: ForeignProxy, scheme: str, password: str | None
) -> None:
    way_out = WayOut(Way(foreign.address), await knowing(foreign.address, password) if password else None)
    async with api_client(f"{scheme}://{ELSEWHERE}:9", way_out) as http:
        with pytest.raises(ProxyRefused), translated():
            await http.get("/")


@pytest.mark.anyio
async def test_a_proxy_that_wants_a_name_and_gets_none_refuses(foreign: ForeignProxy) -> None:
    async with api_client(f"http://{ELSEWHERE}:9", WayOut(Way(foreign.address.replace("ada@", "")))) as http:
        with pytest.raises(ProxyRefused), translated():
            await http.get("/")


@pytest.mark.anyio
async def test_a_proxy_that_is_not_there_is_no_network(foreign: ForeignProxy) -> None:
    foreign.kill()
    way_out = WayOut(Way(foreign.address), await knowing(foreign.address))
    async with api_client(f"https://{ELSEWHERE}:9", way_out) as http:
        with pytest.raises(ProxyUnreachable) as caught, translated():
            await http.get("/")
    assert isinstance(caught.value, Offline)


@pytest.mark.anyio
async def test_a_server_the_proxy_cannot_reach_is_no_network(foreign: ForeignProxy) -> None:
    way_out = WayOut(Way(foreign.address), await knowing(foreign.address))
    async with api_client(f"https://{ELSEWHERE}:9", way_out) as http:
        with pytest.raises(ProxyUnreachable), translated():
            await http.get("/")


@pytest.mark.anyio
async def test_something_that_is_no_proxy_at_all_is_no_network() -> None:
    async def nothing_of_the_kind(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    with served(nothing_of_the_kind) as port:
        async with api_client(f"http://{ELSEWHERE}:9", WayOut(Way(f"socks5://127.0.0.1:{port}"))) as http:
            with pytest.raises(ProxyUnreachable), translated():
                await http.get("/")


@pytest.mark.anyio
async def test_a_proxy_that_forwards_may_hang_up_after_each_reply_for_it_is_told_so() -> None:
    told: list[bytes] = []

    async def forwarding(scope: Scope, receive: Receive, send: Send) -> None:
        told.extend(value for name, value in scope["headers"] if name == b"connection")
        await PlainTextResponse("passed on")(scope, receive, send)

    with served(forwarding) as port:
        async with api_client(f"http://{ELSEWHERE}:9", WayOut(Way(f"http://127.0.0.1:{port}"))) as http:
            assert [(await http.get("/")).text for _ in range(2)] == ["passed on"] * 2
    assert told == [b"close"] * 2


class LockedSafe(MemoryVault):
    async def load(self, server: str) -> str | None:
        raise KeyringLocked


@pytest.mark.anyio
async def test_a_password_in_a_locked_safe_is_asked_for_in_words() -> None:
    async with api_client(f"http://{ELSEWHERE}:9", WayOut(Way("http://ada@127.0.0.1:9"), LockedSafe())) as http:
        with pytest.raises(ProxyRefused) as caught, translated():
            await http.get("/")
    assert caught.value.title == "The proxy’s password could not be read"
    assert KeyringLocked.title in caught.value.hint


@pytest.mark.anyio
async def test_another_way_holds_for_the_next_connection(foreign: ForeignProxy) -> None:
    host = UploadHost(1)
    way_out = WayOut(Way("http://127.0.0.1:9"), await knowing(foreign.address))
    with served(host) as port:
        async with api_client(f"http://{ELSEWHERE}:{port}", way_out) as http:
            with pytest.raises(ProxyUnreachable), translated():
                await http.get("/")
            way_out.take(Way(foreign.address))
            assert (await http.get("/")).status_code < 500
            foreign.kill()
            way_out.take(Way("none"))
            assert (await http.get("/")).status_code < 500
    assert len(host.seen) == 2
