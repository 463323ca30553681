"""A 16 ms timer in the real window while a file goes out: python -m benchmarks.calm SERVER FILE HOME.

Prints p99 and worst interval in ms as JSON, during the transfer and with nothing to do.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from PySide6.QtCore import Qt, QTimer

from uploader import settings
from uploader.desktop.app import Desktop
from uploader.engine.instance import Owner
from uploader.engine.job import ORDER, Status, Step
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

EVERY = 16
IDLE_LOOKS = 150


class Stopwatch:
    """Sorts the timer's intervals by what the window's one job does, and says when there are enough."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop
        self._last = time.perf_counter()
        self.busy: list[float] = []
        self.idle: list[float] = []
        self.timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self._tick)
        self.timer.start(EVERY)

    def _tick(self) -> None:
        now = time.perf_counter()
        passed, self._last = (now - self._last) * 1000, now
        job = next(iter(self._desktop.window.model.jobs), None)
        if job is None:
            return
        if job.step is Step.TRANSFER and job.status is Status.RUNNING:
            self.busy.append(passed)
        elif ORDER.index(job.step) > ORDER.index(Step.TRANSFER):
            self.idle.append(passed)
        if len(self.idle) > IDLE_LOOKS or job.status is Status.FAILED:
            self._desktop.leave()


def main(server: str, file: str, home: str) -> None:
    """Print the intervals' p99 and worst."""
    paths = Paths.under(Path(home)).make()
    settings.save(paths.settings, settings.Settings(server=server))
    vault = MemoryVault()
    vault.tokens[server] = "r"
    owner = Owner.claim(paths)
    desktop = Desktop(paths, owner, vault)
    watch = Stopwatch(desktop)
    desktop.run([Path(file)])
    owner.close()
    busy, idle = watch.busy, watch.idle[IDLE_LOOKS // 3 :]
    told = {"looks": len(busy), "p99": _p99(busy), "worst": max(busy), "idle_p99": _p99(idle), "idle_worst": max(idle)}
    print(json.dumps(told))


def _p99(found: list[float]) -> float:
    return statistics.quantiles(found, n=100, method="inclusive")[98]


if __name__ == "__main__":
    main(*sys.argv[1:])
