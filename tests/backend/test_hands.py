"""Bodies are carried from sockets beside the loop: exactly as long as they are, and no thread stays behind."""

import socket
import threading
from collections.abc import Iterator

import pytest

from uploader.backend.hands import READ, Hands, Haul

pytestmark = [pytest.mark.anyio, pytest.mark.one_database("no database")]

PATIENCE = 60.0


class Disk:
    """Keeps what is written, once it may; knows who wrote."""

    def __init__(self, *, busy: bool = False) -> None:
        self.held = b""
        self.go, self.begun = threading.Event(), threading.Event()
        self.threads: set[threading.Thread] = set()
        if not busy:
            self.go.set()

    def write(self, data: memoryview) -> None:
        self.threads.add(threading.current_thread())
        self.begun.set()
        assert self.go.wait(PATIENCE)
        self.held += data


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A peer, and what we read from."""
    peer, wire = socket.socketpair()
    wire.setblocking(False)
    with peer, wire:
        yield peer, wire


async def test_exactly_the_body_is_read_and_what_follows_stays_in_the_socket(pair: tuple[socket.socket, socket.socket]):
    peer, wire = pair
    disk = Disk()
    haul = Haul(wire.dup(), 15, disk.write)
    Hands().carry(haul, b"01234")
    peer.sendall(b"56789abcdeGET / HTTP/1.1")
    assert await haul.ended(PATIENCE)
    assert (disk.held, haul.left, haul.gone, haul.error) == (b"0123456789abcde", 0, False, None)
    assert wire.recv(100) == b"GET / HTTP/1.1"


async def test_a_body_that_was_here_already_needs_no_socket(pair: tuple[socket.socket, socket.socket]):
    disk = Disk()
    haul = Haul(pair[1].dup(), 5, disk.write)
    Hands().carry(haul, b"01234")
    assert await haul.ended(PATIENCE)
    assert (disk.held, haul.left) == (b"01234", 0)


@pytest.mark.parametrize("held", [b"", b"held"])
async def test_what_write_raises_ends_it(pair: tuple[socket.socket, socket.socket], held: bytes):
    def full(_data: memoryview) -> None:
        raise OSError("full")

    haul = Haul(pair[1].dup(), READ, full)
    Hands().carry(haul, held)
    pair[0].sendall(b"more")
    assert await haul.ended(PATIENCE)
    assert str(haul.error) == "full"
    assert haul.left == READ - 4


async def test_a_peer_that_hangs_up_ends_it(pair: tuple[socket.socket, socket.socket]):
    disk = Disk()
    haul = Haul(pair[1].dup(), READ, disk.write)
    Hands().carry(haul, b"")
    pair[0].sendall(b"some")
    pair[0].close()
    assert await haul.ended(PATIENCE)
    assert (disk.held, haul.gone, haul.left) == (b"some", True, READ - 4)


async def test_what_had_come_is_written_when_it_is_dropped(pair: tuple[socket.socket, socket.socket]):
    """The one hand is busy with another body while this one is given and dropped."""
    other_peer, other = socket.socketpair()
    other.setblocking(False)
    hands, slow, disk = Hands(most=1), Disk(busy=True), Disk()
    with other_peer:
        first, second = Haul(other, 1, slow.write), Haul(pair[1].dup(), READ, disk.write)
        hands.carry(first, b"")
        other_peer.sendall(b"x")
        assert slow.begun.wait(PATIENCE)
        pair[0].sendall(b"some")
        hands.carry(second, b"")
        hands.drop(second)
        assert not await second.ended(0)
        slow.go.set()
        assert await second.ended(PATIENCE)
        assert await first.ended(PATIENCE)
    hands.drop(second)  # no matter
    assert (disk.held, second.left, second.gone) == (b"some", READ - 4, False)


async def test_many_share_two_threads_which_end_with_the_last():
    hands, disks, peers, hauls = Hands(), [], [], []
    for number in range(10):
        peer, wire = socket.socketpair()
        wire.setblocking(False)
        disk = Disk()
        haul = Haul(wire, 2, disk.write)
        hands.carry(haul, bytes([number]))
        disks.append(disk)
        peers.append(peer)
        hauls.append(haul)
    for number, peer in enumerate(peers):
        peer.sendall(bytes([number]))
    for number, (haul, disk, peer) in enumerate(zip(hauls, disks, peers, strict=True)):
        assert await haul.ended(PATIENCE)
        assert disk.held == bytes([number] * 2)
        peer.close()
    threads = set().union(*(disk.threads for disk in disks))
    assert len(threads) == 2
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
