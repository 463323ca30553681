"""Our server receives one PATCH of a large file, beside @tus/server; curl sends both, both write to the same disk."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import timed
from benchmarks.local_server import Local, local_server
from benchmarks.plan import Plan
from benchmarks.row import Row, at_least
from benchmarks.timed import PEERS, Cost
from tests.flow.stage import Server

MIB = 1 << 20
TUS = {"Tus-Resumable": "1.0.0"}
ENDED = {"ready", "error", "cancelled"}


def one_patch(plan: Plan) -> Iterator[Row]:
    """Throughput of one PATCH. Ours is on the disk (fdatasync) when it answers."""
    if not (PEERS / "node_modules" / "@tus" / "server").is_dir():
        print("(no @tus/server in tests/peers: no row on the local server)")
        return
    with (
        plan.home() as home,
        plan.home() as folder,
        local_server(Server(home / "data")) as local,
        tus_server(folder) as (endpoint, _),
    ):
        clients = {"ours": lambda: _ours(plan, local), "@tus/server": lambda: _theirs(plan, endpoint, folder)}
        costs = timed.in_turn(plan.runs, clients)
    size = plan.size / MIB
    name = f"local server receiving one PATCH of {size:.0f} MiB vs @tus/server"
    yield at_least(name, size / costs["ours"].seconds, size / costs["@tus/server"].seconds, "MiB/s", 1.3)


def _ours(plan: Plan, local: Local) -> Cost:
    ticket = local.ticket(plan.size)
    cost = _patch(plan, ticket.upload_url)
    while local.status(ticket.video_id).status not in ENDED:  # its processing must not be measured with the next
        time.sleep(0.1)
    local.delete(ticket.video_id)
    return cost


def _theirs(plan: Plan, endpoint: str, folder: Path) -> Cost:
    reply = httpx.post(endpoint, headers={**TUS, "Upload-Length": str(plan.size)}, trust_env=False)
    cost = _patch(plan, reply.headers["location"])
    for file in folder.iterdir():
        file.unlink()
    return cost


def _patch(plan: Plan, url: str) -> Cost:
    headers = [
        *TUS.items(),
        ("Upload-Offset", "0"),
        ("Content-Type", "application/offset+octet-stream"),
        ("Expect", ""),
    ]
    said = [word for name, value in headers for word in ("-H", f"{name}: {value}".rstrip())]
    answer = ("-o", "/dev/null", "-w", "%{http_code} %{time_total}")
    ended = timed.run(("curl", "-sS", "-X", "PATCH", "-T", plan.film(), *said, *answer, url))
    status, seconds = ended.out.split()
    if status != "204":
        raise RuntimeError(f"the server answered {status}")
    return Cost(float(seconds), ended.cpu)


@contextmanager
def tus_server(folder: Path) -> Iterator[tuple[str, int]]:
    """@tus/server on this folder: where it answers, and its process id."""
    script = timed.ROOT / "benchmarks" / "tus_server.mjs"
    with subprocess.Popen(
        ["node", script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PEERS
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/files", process.pid
        process.stdin.close()
