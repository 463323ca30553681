"""The fault proxy does what it is told, or every test that leans on it proves nothing."""

import contextlib
import gc
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def read(connection: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n and (block := connection.recv(n - len(data))):
        data += block
    return data


def test_passes_everything_on_both_ways(echo: int):
    with Proxy(echo) as proxy, connect(proxy) as line:
        line.sendall(b"x" * 100_000)
        assert read(line, 100_000) == b"x" * 100_000
        assert (proxy.up, proxy.down, proxy.connections) == (100_000, 100_000, 1)


@pytest.mark.parametrize("way", ["up", "down"])
def test_cuts_after_exactly_so_many_bytes_once(echo: int, way: str):
    with Proxy(echo) as proxy:
        proxy.cut(**{way: 1234})
        with connect(proxy) as line:
            line.sendall(b"x" * 5000)
            with pytest.raises(ConnectionResetError):
                read(line, 5000)
        assert (getattr(proxy, way), proxy.cuts) == (1234, 1)
        with connect(proxy) as line:
            line.sendall(b"x" * 5000)
            assert read(line, 5000) == b"x" * 5000


def test_stalls_without_closing_and_goes_on(echo: int):
    with Proxy(echo) as proxy, connect(proxy) as line:
        proxy.stall()
        line.sendall(b"x" * 10)
        line.settimeout(0.1)
        with pytest.raises(TimeoutError):
            line.recv(10)
        proxy.flow()
        line.settimeout(10)
        assert read(line, 10) == b"x" * 10


def test_resets_what_is_open(echo: int):
    with Proxy(echo) as proxy, connect(proxy) as line:
        line.sendall(b"x")
        assert read(line, 1) == b"x"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_goes_away_and_comes_back_on_the_same_port(echo: int):
    with Proxy(echo) as proxy:
        port = proxy.port
        proxy.go_away()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        proxy.come_back()
        assert proxy.port == port
        with connect(proxy) as line:
            line.sendall(b"x")
            assert read(line, 1) == b"x"


def test_swallows_the_reply_of_the_nth_request_of_a_method(echo: int):
    patch = b"PATCH /f HTTP/1.1\r\nContent-Length: 5\r\n\r\nPATCH"
    head = b"HEAD /f HTTP/1.1\r\n\r\n"
    with Proxy(echo) as proxy, connect(proxy) as line:
        proxy.swallow("PATCH", 2)
        for request in (head, patch, head):
            line.sendall(request)
            assert read(line, len(request)) == request
        line.sendall(patch)
        with pytest.raises(ConnectionResetError):
            line.recv(1)
        assert (proxy.swallowed, proxy.up) == (1, 2 * len(patch) + 2 * len(head))


def test_trickles(echo: int):
    with Proxy(echo, receive_buffer=4096) as proxy, connect(proxy) as line:
        line.sendall(b"x")
        assert read(line, 1) == b"x"  # both directions wait for more already
        proxy.trickle(20)  # all of it would take 50 seconds
        line.sendall(b"x" * 1_000)
        first = line.recv(1_000)
        assert len(first) < 1_000
        proxy.flow()
        assert len(read(line, 1_000 - len(first))) == 1_000 - len(first)


def test_holds_the_line_at_a_byte_and_lets_the_rest_go_on(echo: int):
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        proxy.hold(up=10)
        client.sendall(b"0123456789abcdef")
        proxy.wait_for(lambda: proxy.up == 10)
        proxy.flow()
        proxy.wait_for(lambda: proxy.up == 16)


def test_holds_a_request_back_until_told_to_let_it_go(echo: int):
    with Proxy(echo) as proxy, connect(proxy) as line:
        proxy.hold_back("POST", "/posts")
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert read(line, 18) == b"GET / HTTP/1.1\r\n\r\n"
        line.sendall(b"POST /posts HTTP/1.1\r\n\r\n")
        proxy.wait_for(lambda: proxy.held_back == 1)
        assert proxy.up == 18
        proxy.flow()
        assert read(line, 24) == b"POST /posts HTTP/1.1\r\n\r\n"


def test_forges_the_reply_to_one_request_and_hangs_up(echo: int):
    patch = b"PATCH /f HTTP/1.1\r\nContent-Length: 5\r\n\r\nPATCH"
    with Proxy(echo) as proxy:
        proxy.forge("PATCH", "/f", b"HTTP/1.1 503 No\r\n\r\n")
        with connect(proxy) as line:
            line.sendall(patch)
            assert line.makefile("rb").read() == b"HTTP/1.1 503 No\r\n\r\n"
        with connect(proxy) as line:
            line.sendall(patch)
            assert read(line, len(patch)) == patch
        assert (proxy.forged, proxy.up, proxy.bodies["PATCH"]) == (1, len(patch), 10)


def test_an_orphaned_line_stays_silent_and_others_do_not(echo: int):
    with Proxy(echo) as proxy, connect(proxy) as lost:
        lost.sendall(b"x")
        assert read(lost, 1) == b"x"
        proxy.orphan()
        lost.sendall(b"x")
        with connect(proxy) as line:
            line.sendall(b"y")
            assert read(line, 1) == b"y"
        lost.settimeout(0.05)
        with pytest.raises(TimeoutError):
            lost.recv(1)


def test_ends_in_the_middle_of_connections_and_leaves_nothing_behind(echo: int):
    """What it would leave is a warning of the garbage collector, which pytest makes a failure."""
    with contextlib.ExitStack() as lines:
        for _ in range(5):
            with Proxy(echo) as proxy:
                for _ in range(5):
                    lines.enter_context(connect(proxy)).sendall(b"x" * 1_000)
        gc.collect()
