"""Removing with a way back: a row leaves the list at once, the queue hears of it when Undo is no longer offered."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer

from uploader.desktop import amounts, describe, tokens
from uploader.desktop.describe import Action
from uploader.desktop.notices import Toast
from uploader.desktop.queue_model import QueueFilter
from uploader.engine.job import ENDED, Job

Do = Callable[[Action, str], None]
"""Have the queue do something with one job."""


class Removal(QObject):
    """Holds what was just removed. Uploads among it stand still meanwhile, and go on after Undo; what the server was
    to post by itself is taken back, and let go again.
    """

    def __init__(self, rows: QueueFilter, toast: Toast, do: Do, parent: QObject) -> None:
        super().__init__(parent)
        self._rows, self._toast, self._do = rows, toast, do
        self._leaving: list[Job] = []
        self._held: dict[str, Action] = {}
        self._timer = QTimer(self, singleShot=True, interval=tokens.UNDO)
        self._timer.timeout.connect(self.finish)

    def remove(self, jobs: Sequence[Job]) -> None:
        """Take these off the list."""
        if not jobs:
            return
        self.finish()
        self._leaving = list(jobs)
        for job in jobs:
            if describe.can_be_held(job):
                self._held[job.id] = Action.RESUME
                self._do(Action.PAUSE, job.id)
            elif job.handover is not None and Action.HOLD in describe.allowed(job):
                self._held[job.id] = Action.POST
                self._do(Action.HOLD, job.id)
        self._rows.hide(job.id for job in jobs)
        self._timer.start()
        over = all(job.status in ENDED or job.handover is not None for job in jobs)
        done = "Removed" if over else "Cancelled"
        what = f"“{jobs[0].title}”" if len(jobs) == 1 else amounts.count(len(jobs), "video", "videos")
        self._toast.say(f"{done} {what}", self.undo)

    def undo(self) -> None:
        """Put everything back as it was."""
        self._timer.stop()
        leaving, self._leaving = self._leaving, []
        held, self._held = self._held, {}
        self._rows.unhide(job.id for job in leaving)
        for job_id, action in held.items():
            self._do(action, job_id)

    def finish(self) -> None:
        """Tell the queue now: the time is over, something else is removed, or the window closes."""
        self._timer.stop()
        leaving, self._leaving = self._leaving, []
        self._held = {}
        for job in leaving:
            self._do(Action.REMOVE, job.id)
