"""Runs the child process that opens foreign video: one request in, lines of JSON out, killed when time is up."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from uploader.errors import MediaFailed
from uploader.media.limits import Limits
from uploader.paths import own_command

POLL = 0.2  # seconds between two looks at `cancelled`
LINGER = 5.0  # seconds between a child's last word and its end
LAST_WORDS = 2000  # bytes of the child's stderr worth keeping
KEPT_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

Answer: TypeAlias = dict[str, Any]
Lines: TypeAlias = queue.SimpleQueue[bytes]


class Cancelled(Exception):
    """The caller asked for it to stop; nothing is left behind."""


def converse(
    request: Mapping[str, Any],
    limits: Limits,
    *,
    timeout: float,
    silence: float | None = None,
    on_progress: Callable[[float], None] = lambda _percent: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Answer:
    """Ask the child one thing; its last line is the answer: `{"result": …}` or `{"error": …}`.

    `timeout` is for the whole conversation, `silence` for the longest wait between two lines, both in seconds.
    Raises MediaFailed when the child dies or runs out of time, Cancelled when asked to stop.
    """
    with tempfile.TemporaryFile() as complaints:
        child = _start(complaints)
        try:
            lines = _lines(child, {**request, "limits": asdict(limits)})
            timely = _timely(lines, timeout, silence or timeout, cancelled)
            while "progress" in (answer := _understood(next(timely), child)):
                on_progress(float(answer["progress"]))
        except MediaFailed as failed:
            raise MediaFailed(f"{failed.detail}; {_last_words(complaints)}") from failed
        else:
            return answer
        finally:
            _end(child)


def _lines(child: subprocess.Popen[bytes], request: Answer) -> Lines:
    """Hand the request over; what the child says arrives in the queue, and an empty line at its end."""
    stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    lines: Lines = queue.SimpleQueue()

    def pump() -> None:
        with stdout:
            for line in stdout:
                lines.put(line)
        lines.put(b"")

    with contextlib.suppress(OSError):  # it died before listening: its end is in the queue
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()  # and stays open: the child ends when we do
    threading.Thread(target=pump, name="media-child", daemon=True).start()
    return lines


def _timely(lines: Lines, timeout: float, silence: float, cancelled: Callable[[], bool]) -> Iterator[bytes]:
    """The lines as they come, until one of the clocks has run out."""
    now = time.monotonic()
    end, heard = now + timeout, now
    while now < min(end, heard + silence):
        if cancelled():
            raise Cancelled
        try:
            line = lines.get(timeout=POLL)
        except queue.Empty:
            now = time.monotonic()
            continue
        now = heard = time.monotonic()
        yield line
    raise MediaFailed("ran out of time")


def _understood(line: bytes, child: subprocess.Popen[bytes]) -> Answer:
    if not line:
        raise MediaFailed(f"ended with {_code(child)}")
    try:
        answer = json.loads(line)
    except ValueError as bad:
        raise MediaFailed(f"said {line[:200]!r}") from bad
    if not isinstance(answer, dict):
        raise MediaFailed(f"said {line[:200]!r}")
    return answer


def _code(child: subprocess.Popen[bytes]) -> int | str:
    """How it ended. It has said its last; one that stays all the same is killed by whoever started it."""
    try:
        return child.wait(timeout=LINGER)
    except subprocess.TimeoutExpired:
        return "silence"


def _start(complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    environment |= {"PYTHONUTF8": "1", "PYTHONSAFEPATH": "1", "MALLOC_ARENA_MAX": "2"}
    if not getattr(sys, "frozen", False):
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    try:
        return subprocess.Popen(
            own_command("media-child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            start_new_session=True,
            creationflags=flags,
        )
    except OSError as problem:
        raise MediaFailed(str(problem)) from problem


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, even after a good answer: the child has nothing more to do."""
    if child.poll() is None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                child.kill()
            else:
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    with contextlib.suppress(OSError):
        cast("IO[bytes]", child.stdin).close()


def _last_words(complaints: IO[bytes]) -> str:
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - LAST_WORDS))
    return complaints.read().decode(errors="replace").strip()
