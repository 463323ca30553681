"""A socket spoken to directly, with TLS and without, beside anyio's connections as a second opinion."""

import asyncio
import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpcore
import pytest

from tests.engine.certificates import certificates
from uploader.engine.closing import Closing
from uploader.engine.direct import Connections

pytestmark = pytest.mark.anyio

SAID = bytes(range(256)) * 40_000  # more than any socket's buffer holds at once
Host = Callable[[socket.socket], None]


@pytest.fixture(params=[Connections, Closing])
def backend(request: pytest.FixtureRequest) -> httpcore.AsyncNetworkBackend:
    made: httpcore.AsyncNetworkBackend = request.param()
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["plain", "TLS 1.2", "TLS 1.3"])
def tls(request: pytest.FixtureRequest, files: tuple[Path, Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext] | None:
    """Contexts of the host and of ours."""
    if request.param == "plain":
        return None
    host, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=files[0])
    host.load_cert_chain(files[1], files[2])
    host.maximum_version = ssl.TLSVersion.TLSv1_2 if request.param == "TLS 1.2" else ssl.TLSVersion.TLSv1_3
    return host, ours


@contextmanager
def listening(host: Host) -> Iterator[int]:
    """`host` speaks with the first who connects."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            host(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(60)
            assert not thread.is_alive()


def digests(connection: socket.socket) -> None:
    """Take everything, slowly at first, and say what it was; then hang up."""
    digest, left = hashlib.sha256(), len(SAID)
    while left:
        taken = connection.recv(min(left, 4096 if left > len(SAID) // 2 else 1 << 20))
        digest.update(taken)
        left -= len(taken)
    connection.sendall(digest.digest())


async def test_everything_arrives_as_it_was_while_somebody_listens(
    backend: httpcore.AsyncNetworkBackend, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
):
    def host(connection: socket.socket) -> None:
        if tls is None:
            digests(connection)
        else:
            with tls[0].wrap_socket(connection, server_side=True) as secure:
                digests(secure)

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        if tls is not None:
            line = await line.start_tls(tls[1], "127.0.0.1", 60)
        answer = asyncio.create_task(line.read(1000))
        for start in range(0, len(SAID), 3_000_000):
            await line.write(SAID[start : start + 3_000_000])
        assert await answer == hashlib.sha256(SAID).digest()
        assert await line.read(1000) == b""
        assert (line.get_extra_info("ssl_object") is not None) == (tls is not None)
        await line.aclose()


async def test_a_peer_that_says_goodbye_in_the_words_of_tls_has_hung_up_like_any_other(
    backend: httpcore.AsyncNetworkBackend, files: tuple[Path, Path, Path]
):
    def host(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[1], files[2])
        with context.wrap_socket(connection, server_side=True) as secure, suppress(OSError):
            secure.sendall(b"hello")
            secure.unwrap()  # waits for an answer in kind, which hanging up is not

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        line = await line.start_tls(ssl.create_default_context(cafile=files[0]), "127.0.0.1", 60)
        assert await line.read(1000) == b"hello"
        assert await line.read(1000) == b""
        await line.aclose()


async def test_who_cannot_finish_a_sentence_still_hears_a_peer_that_only_speaks(files: tuple[Path, Path, Path]):
    stuck, heard = threading.Event(), threading.Event()

    def host(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[1], files[2])
        with context.wrap_socket(connection, server_side=True) as secure:
            stuck.wait(60)
            secure.sendall(b"no")
            heard.wait(60)

    with listening(host) as port:
        line = await Connections().connect_tcp("127.0.0.1", port, 60)
        line = await line.start_tls(ssl.create_default_context(cafile=files[0]), "127.0.0.1", 60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await line.write(SAID * 4)
        stuck.set()
        async with asyncio.timeout(60):
            assert await line.read(1000) == b"no"
        heard.set()
        await line.aclose()


async def test_a_name_with_several_addresses_is_tried_until_one_answers(backend: httpcore.AsyncNetworkBackend):
    with listening(lambda connection: connection.sendall(b"hello")) as port:
        line = await backend.connect_tcp("localhost", port, 60)  # nobody listens at ::1
        assert await line.read(1000) == b"hello"
        await line.aclose()


async def test_nobody_there_is_a_failed_connection(backend: httpcore.AsyncNetworkBackend):
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(httpcore.ConnectError):
            await backend.connect_tcp("127.0.0.1", bound.getsockname()[1], 60)


async def test_a_connection_that_cannot_be_set_up_is_given_up_and_closed():
    heard: list[bytes] = []
    unknown = (socket.IPPROTO_TCP, 9999, 1)
    with listening(lambda connection: heard.append(connection.recv(1))) as port, pytest.raises(httpcore.ConnectError):
        await Connections().connect_tcp("127.0.0.1", port, 60, socket_options=[unknown])
    assert heard == [b""]


async def test_a_certificate_nobody_vouches_for_ends_the_connection(
    backend: httpcore.AsyncNetworkBackend, files: tuple[Path, Path, Path]
):
    def host(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[1], files[2])
        with pytest.raises(OSError, match=r"(?i)alert|eof|reset"):
            context.wrap_socket(connection, server_side=True).recv(1)

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        with pytest.raises(httpcore.ConnectError) as caught:
            await line.start_tls(ssl.create_default_context(), "127.0.0.1", 60)
    assert isinstance(caught.value.__cause__ or caught.value.__context__, ssl.SSLCertVerificationError)


async def test_a_host_that_says_nothing_to_our_greeting_is_given_up(backend: httpcore.AsyncNetworkBackend):
    def host(connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            pass

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        with pytest.raises(httpcore.ConnectTimeout):
            await line.start_tls(ssl.create_default_context(), "127.0.0.1", 0.1)


async def test_a_handshake_that_is_called_off_closes_the_connection(backend: httpcore.AsyncNetworkBackend):
    greeted, ended = threading.Event(), threading.Event()

    def host(connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            greeted.set()
        ended.set()

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        handshake = asyncio.create_task(line.start_tls(ssl.create_default_context(), "127.0.0.1", 600))
        assert await asyncio.to_thread(greeted.wait, 60)
        handshake.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handshake
        assert await asyncio.to_thread(ended.wait, 60)


async def test_a_reset_is_an_error_for_whoever_listens(backend: httpcore.AsyncNetworkBackend):
    def host(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        answer = asyncio.create_task(line.read(1000))
        await line.write(b"x")
        with pytest.raises(httpcore.ReadError):
            await answer
        await line.aclose()


async def test_who_waits_when_the_line_is_closed_is_told(backend: httpcore.AsyncNetworkBackend):
    ended = threading.Event()

    def host(_: socket.socket) -> None:
        ended.wait(60)

    with listening(host) as port:
        line = await backend.connect_tcp("127.0.0.1", port, 60)
        answer = asyncio.create_task(line.read(1000))
        await asyncio.sleep(0)
        await line.aclose()
        with pytest.raises(httpcore.ReadError):
            await answer
        ended.set()


async def test_a_silent_connection_is_not_readable_and_one_that_spoke_is():
    speak, spoken = threading.Event(), threading.Event()

    def host(connection: socket.socket) -> None:
        speak.wait(60)
        connection.sendall(b"x")
        spoken.wait(60)

    with listening(host) as port:
        line = await Connections().connect_tcp("127.0.0.1", port, 60)
        assert not line.get_extra_info("is_readable")
        speak.set()
        select.select([line.get_extra_info("socket")], [], [], 60)
        assert line.get_extra_info("is_readable")
        spoken.set()
        await line.aclose()
        assert line.get_extra_info("is_readable")
