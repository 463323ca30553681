"""How much is sent twice when the line breaks in the middle: our engine beside tus-js-client, both to our server."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks import timed
from benchmarks.local_server import Local, local_server
from benchmarks.plan import Plan
from benchmarks.row import Row, beyond, no_more_than
from benchmarks.sink import CHUNK
from benchmarks.timed import PEERS
from tests.flow.stage import Server, free_port
from tests.proxy import BLOCK, Proxy

KIB, MIB = 1 << 10, 1 << 20


def after_a_cut(plan: Plan) -> Iterator[Row]:
    """Bytes of the file that came from a client beyond the file's own.

    The proxy that cuts takes a block at a time, and the rest of the one it cuts in is lost: so far two clients may be
    apart without a reason of their own.
    """
    if not (PEERS / "node_modules" / "tus-js-client").is_dir():
        print("(no tus-js-client in tests/peers: no row on what is sent again)")
        return
    size = min(plan.size, 200 * MIB)
    port = free_port()
    clients: Mapping[str, Callable[[Plan, Local, int], None]] = {"ours": _ours, "peer": _tus_js}
    found: dict[str, list[float]] = {name: [] for name in clients}
    with plan.home() as home, Proxy(port) as proxy, _server(home, proxy, port) as local:
        for _ in range(min(plan.runs, 3)):
            for name, carry in clients.items():
                before, cuts = proxy.bodies["PATCH"], proxy.cuts
                proxy.cut(up=size // 2)
                carry(plan, local, size)
                assert proxy.cuts == cuts + 1
                found[name].append((proxy.bodies["PATCH"] - before - size) / KIB)
    ours, theirs = (statistics.median(found[name]) for name in clients)
    name = f"sent again after a cut at 50 % of {size // MIB} MiB"
    yield beyond(f"{name} vs tus-js-client", ours, theirs, "KiB", BLOCK / KIB)
    yield no_more_than(name, ours, theirs, "KiB", 1024)


def _server(home: Path, proxy: Proxy, port: int) -> AbstractContextManager[Local]:
    return local_server(Server(home / "data", public_url=proxy.url, port=port))


def _ours(plan: Plan, local: Local, size: int) -> None:
    with plan.home() as home:
        timed.module("ours", local.public_url, plan.film(size), home, local.refresh_token())


def _tus_js(plan: Plan, local: Local, size: int) -> None:
    script = timed.ROOT / "benchmarks" / "tus_js.mjs"
    url = local.ticket(size).upload_url
    timed.run(("node", script, plan.film(size), url, str(CHUNK), "UPLOAD"), folder=PEERS)
