"""How many jobs are where, and what is left to send: kept up to date one change at a time. Pure."""

from collections import Counter

from uploader.desktop import amounts
from uploader.desktop.describe import SEPARATOR, Group, bytes_left, group
from uploader.engine.job import Job

_SHOWN = (
    Group.ATTENTION, Group.UPLOADING, Group.WAITING, Group.PAUSED, Group.PROCESSING, Group.READY, Group.PLANNED,
    Group.DONE,
)  # fmt: skip
_TO_SEND = (Group.UPLOADING, Group.WAITING)


class Tally:
    """Sums over all jobs. `exchange` is told of each change; nothing is ever counted twice."""

    def __init__(self) -> None:
        self.jobs: Counter[Group] = Counter()
        self.left: Counter[Group] = Counter()

    def exchange(self, old: Job | None, new: Job | None) -> None:
        """`old` is no longer so, `new` is (None: was not there, or is gone)."""
        for job, sign in ((old, -1), (new, 1)):
            if job is not None:
                where = group(job)
                self.jobs[where] += sign
                self.left[where] += sign * bytes_left(job)

    def heading(self) -> str:
        """ "Uploading 2 · Waiting 5 · Done 12"."""
        return SEPARATOR.join(f"{where} {self.jobs[where]}" for where in _SHOWN if self.jobs[where])

    @property
    def unfinished(self) -> int:
        """Jobs that still send or wait to send."""
        return sum(self.jobs[where] for where in _TO_SEND)

    def footing(self, rate: float) -> str:
        """ "3 uploading or waiting · 41 GB left · about 2 h 10 min" at `rate` bytes a second."""
        if not self.unfinished:
            return self._at_rest()
        left = sum(self.left[where] for where in _TO_SEND)
        parts = [f"{self.unfinished} uploading or waiting"]
        if left:
            parts.append(f"{amounts.size(left)} left")
        if left and rate > 0:
            parts.append(amounts.time_left(left / rate))
        return SEPARATOR.join(parts)

    def _at_rest(self) -> str:
        if self.jobs[Group.ATTENTION]:
            return amounts.count(self.jobs[Group.ATTENTION], "video needs you", "videos need you")
        if self.jobs[Group.PAUSED]:
            return f"{self.jobs[Group.PAUSED]} paused"
        if self.jobs[Group.PROCESSING] or self.jobs[Group.PLANNED]:
            return "Everything is on the server"
        return "Nothing left to upload" if self.jobs.total() else ""
