"""A long and lossy line: two network namespaces joined by a process that adds delay, loss and a rate. Linux and root.

`python -m benchmarks.wan NEAR FAR DELAY_MS LOSS_PERCENT RATE_MBIT` joins two namespaces until its standard input ends.
Kernels often lack netem, so packets go through two TUN devices and a queue of ours: drop-tail, 100 ms long.
"""

import ctypes
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NEAR, FAR = "10.77.0.1", "10.77.0.2"
QUEUE = 0.1  # seconds of packets; what comes on top is dropped
MOST = 65535
BATCH = 64  # packets read from one side before the other has its turn
TUN, NO_INFO, SET_NAME = 0x0001, 0x1000, 0x400454CA  # linux/if_tun.h
NEW_NETWORK = 0x40000000
END = 0  # standard input


@dataclass(frozen=True)
class Line:
    """What a line does to packets: delay one way in seconds, the share that is lost, bytes per second."""

    delay: float
    loss: float
    rate: float


@contextmanager
def namespaces(line: Line) -> Iterator[tuple[str, str]]:
    """The names of two namespaces with this line between them: NEAR is reached from the second, FAR from the first."""
    names = f"reelferry-{os.getpid()}-near", f"reelferry-{os.getpid()}-far"
    words = [*names, str(line.delay * 1000), str(line.loss * 100), str(line.rate * 8 / 1e6)]
    try:
        for name in names:
            _ip("netns", "add", name)
        command = [sys.executable, "-m", "benchmarks.wan", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as link:
            assert link.stdin is not None
            assert link.stdout is not None
            if not link.stdout.readline():
                raise OSError("the line did not come up")
            yield names
            link.stdin.close()
    finally:
        for name in names:
            with suppress(OSError):
                _ip("netns", "del", name)


def inside(name: str) -> tuple[str, ...]:
    """What a command begins with that is to run in this namespace."""
    return ("ip", "netns", "exec", name)


def missing() -> str | None:
    """What such a line needs and is not here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "Linux and root"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun"
    try:
        _ip("netns", "list")
    except OSError as error:
        return str(error)
    return None


@dataclass
class _Side:
    """One direction: packets that wait for the rate, and when the line is free again."""

    device: int
    free: float = 0.0


@dataclass
class _Link:
    """Both directions, and everything under way."""

    line: Line
    sides: tuple[_Side, _Side]
    under_way: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    count: int = 0

    def run(self) -> None:
        """Until standard input ends."""
        devices = {side.device: (side, other.device) for side, other in (self.sides, self.sides[::-1])}
        while True:
            pause = max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else None
            ready, _, _ = select.select([*devices, END], [], [], pause)
            if END in ready:
                return
            for device in ready:
                self._take(*devices[device])
            self._deliver()

    def _take(self, side: _Side, to: int) -> None:
        now = time.monotonic()
        for _ in range(BATCH):
            try:
                packet = os.read(side.device, MOST)
            except BlockingIOError:
                return
            begins = max(side.free, now)
            if random.random() < self.line.loss or begins - now > QUEUE:  # noqa: S311  (no secret)
                continue
            side.free = begins + len(packet) / self.line.rate
            self.count += 1
            heapq.heappush(self.under_way, (side.free + self.line.delay, self.count, to, packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self.under_way and self.under_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(self.under_way)
            with suppress(BlockingIOError):
                os.write(to, packet)


def _device(namespace: str, address: str, peer: str) -> int:
    """A TUN device in this namespace, up, with its addresses."""
    import fcntl  # noqa: PLC0415  (does not exist on Windows)

    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, SET_NAME, struct.pack("16sH", b"line", TUN | NO_INFO))
    finally:
        libc.setns(here, NEW_NETWORK)
        os.close(here)
        os.close(there)
    for words in (
        ("addr", "add", f"{address}/32", "peer", f"{peer}/32", "dev", "line"),
        ("link", "set", "line", "mtu", "1500", "txqueuelen", "2000", "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", namespace, *words)
    return device


def _ip(*words: str) -> None:
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"ip {words[0]} failed")


def main(near: str, far: str, delay: str, loss: str, rate: str) -> None:
    """Join them."""
    line = Line(float(delay) / 1000, float(loss) / 100, float(rate) * 1e6 / 8)
    link = _Link(line, (_Side(_device(near, NEAR, FAR)), _Side(_device(far, FAR, NEAR))))
    print("up", flush=True)
    link.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
