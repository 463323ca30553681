"""One large file over HTTPS on this machine: throughput and CPU beside curl, tuspy, tus-js-client and rclone."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from benchmarks import timed
from benchmarks.plan import Plan
from benchmarks.row import Row, at_least, at_most
from benchmarks.sink import CHUNK, Sink, sink
from benchmarks.timed import PEERS, Cost

MIB = 1 << 20
Client = Callable[[], Cost]

GOALS = {"curl": 1.0, "tuspy": 1.5, "tus-js-client": 2.0, "rclone": 1.2}


def https(plan: Plan) -> Iterator[Row]:
    """Rows of throughput, by the sink's clock, and one of CPU seconds."""
    with sink(plan.tls) as host:
        peers = _peers(plan, host)
        clients: dict[str, Client] = {"ours": partial(ours, plan, host), **peers}
        costs = timed.in_turn(plan.runs, {name: partial(_clocked, host, clients[name]) for name in clients})
    size, mine = plan.size / MIB, costs["ours"]
    for name in peers:
        name_of_row = f"{size:.0f} MiB, HTTPS, tus {CHUNK // MIB} MiB chunks vs {name}"
        yield at_least(name_of_row, size / mine.seconds, size / costs[name].seconds, "MiB/s", GOALS[name])
    if "curl" in peers:
        gib = plan.size / (1 << 30)
        yield at_most("CPU seconds per GiB, HTTPS vs curl", mine.cpu / gib, costs["curl"].cpu / gib, "s", 1.25)


def _clocked(host: Sink, client: Client) -> Cost:
    """The sink's seconds in the place of the client's, which each would count in a way of its own."""
    return replace(client(), seconds=host.seconds())


def ours(plan: Plan, host: Sink, size: int | None = None, where: Sequence[str] = ()) -> Cost:
    """The engine's transfer step. `where`: what the command begins with."""
    with plan.home() as home:
        words = (host.url, plan.film(size), home, "r")
        found = timed.told(timed.module("ours", *words, environ=host.environ(), where=where))
    return Cost(found["seconds"], found["cpu"])


def curl(plan: Plan, host: Sink, size: int | None = None, where: Sequence[str] = ()) -> Cost:
    """One PUT."""
    command = ("curl", "-sS", "-T", plan.film(size), "-o", "/dev/null", "-w", "%{time_total}", f"{host.url}/put")
    ended = timed.run((*where, *command), host.environ())
    return Cost(float(ended.out), ended.cpu)


def _peers(plan: Plan, host: Sink) -> dict[str, Client]:
    carriers = {"curl": curl, "tuspy": _tuspy, "tus-js-client": _tus_js, "rclone": _rclone}
    missing = {name for name in ("curl", "rclone") if not shutil.which(name)}
    if not (PEERS / "node_modules" / "tus-js-client").is_dir():
        missing.add("tus-js-client")
    for name in sorted(missing & plan.peers):
        print(f"(no {name} here: no row beside it)")
    wanted = [name for name in carriers if name in plan.peers - missing]
    return {name: partial(carriers[name], plan, host) for name in wanted}


def _tuspy(plan: Plan, host: Sink) -> Cost:
    ended = timed.module("tus_py", plan.film(), f"{host.url}/files", str(CHUNK), environ=host.environ())
    return Cost(ended.wall, ended.cpu)


def _tus_js(plan: Plan, host: Sink) -> Cost:
    script = timed.ROOT / "benchmarks" / "tus_js.mjs"
    words = (plan.film(), f"{host.url}/files", str(CHUNK), "CREATE")
    ended = timed.run(("node", script, *words), host.environ(), PEERS)
    return Cost(ended.wall, ended.cpu)


def _rclone(plan: Plan, host: Sink) -> Cost:
    """One PUT, whatever the size."""
    file = plan.film()
    target = f":webdav:{file.stem}-{plan.folder.name}"
    options = ("--webdav-url", f"{host.url}/", "--ca-cert", str(host.certificate), "--config", "/dev/null")
    ended = timed.run(("rclone", "copyto", "--ignore-times", *options, file, target), host.environ())
    return Cost(ended.wall, ended.cpu)
