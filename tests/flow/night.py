"""A laptop's night, in a network of its own: `python -m tests.flow.night FOLDER`, under `unshare --net`.

The computer sleeps in the middle of an upload for longer than every time-out, and wakes up with another address: what
goes to and from the old one is lost. Prints, as JSON, the addresses the server's side saw, what trouble the client had,
and whether what arrived is the file.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.flow.stage import sha256, standing, wait_for
from tests.media import clips

MIB = 1 << 20
SIZE = 16 * MIB
NEAR = 64 * 1024
"""Bytes into the second half of the file: more than all requests have in their heads."""
HOME, CAFE = "127.0.0.2", "127.0.0.3"


def ip(*words: str) -> None:
    """Change this network."""
    subprocess.run(["ip", *words], check=True, timeout=60)


def live_at(address: str) -> None:
    """Connections that begin from now on come from here."""
    ip("route", "replace", "local", "127.0.0.1", "dev", "lo", "table", "local", "src", address)


def main(folder: Path) -> dict[str, object]:
    """The whole night."""
    ip("link", "set", "lo", "up")
    live_at(HOME)
    clip = clips.heavy(folder / "clip.mp4", mebibytes=SIZE / MIB)
    with standing(folder) as stage:
        client = replace(stage.client, environ={"CHUNK": str(SIZE // 2), "HASTE": "0.4"}, facts=[])
        before = set(stage.proxy.peers)
        stage.proxy.hold(up=SIZE // 2 + NEAR)
        until_kept = stage.all_kept(clip.name)
        client.start(clip)
        wait_for(lambda: not stage.proxy.flowing, what="half of the file")
        until_kept()
        process = client.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        asleep = time.monotonic()
        live_at(CAFE)
        ip("route", "add", "blackhole", f"{HOME}/32", "table", "local")
        stage.proxy.flow()
        wait_for(lambda: time.monotonic() - asleep > 2, what="the night")
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: client.said(step="process"), what="the last byte")
        (video,) = stage.server.videos()
        report = {
            "before": sorted(before),
            "peers": sorted(set(stage.proxy.peers)),
            "troubles": sorted({fact["trouble"]["code"] for fact in client.facts if fact["trouble"]}),
            "whole": sha256(stage.server.original(video)) == sha256(clip),
            "twice": stage.proxy.bodies["PATCH"] - SIZE,
        }
        client.kill()
    return report


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
