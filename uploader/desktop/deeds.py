"""What happens when a person acts on jobs: each action becomes a command to the queue, or something on this desktop."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from uploader.desktop import amounts
from uploader.desktop.describe import Action
from uploader.desktop.notices import Toast
from uploader.desktop.queue_model import JOB, QueueFilter, QueueModel
from uploader.desktop.removal import Removal
from uploader.desktop.row_drag import steps
from uploader.engine.drop import Refusal
from uploader.engine.job import Draft, Job

if TYPE_CHECKING:
    from uploader.engine.queue import Queue

log = logging.getLogger(__name__)

Added = tuple[list[Job], list[Refusal]]


class Do(Protocol):
    """Hands a command to the queue, on its own thread; results and failures come back on this one."""

    def __call__(
        self,
        command: Callable[["Queue"], Awaitable[Any] | Any],
        then: Callable[[Any], object] | None = None,
        otherwise: Callable[[Exception], object] | None = None,
    ) -> object:
        """Return at once."""


class Deeds(QObject):
    """The hands of the window. `added` carries the ids of new jobs."""

    added = Signal(object)
    rename_wanted = Signal(object)
    anyway_wanted = Signal()

    def __init__(self, do: Do, model: QueueModel, rows: QueueFilter, toast: Toast, parent: QObject) -> None:
        super().__init__(parent)
        self._do, self._model, self._rows, self._toast = do, model, rows, toast
        self.removal = Removal(rows, toast, self._command, self)

    def perform(self, action: Action, jobs: Sequence[Job]) -> None:
        """Do this to these jobs."""
        match action:
            case Action.CANCEL | Action.REMOVE:
                self.removal.remove(jobs)
            case Action.MOVE_UP | Action.MOVE_DOWN:
                self._move(jobs, -1 if action is Action.MOVE_UP else 1)
            case Action.OPEN:
                _browse(QUrl(job.watch_url or "") for job in jobs)
            case Action.COPY_LINK:
                self._copy_links(jobs)
            case Action.SHOW_FILE:
                _browse(QUrl.fromLocalFile(str(folder)) for folder in {job.path.parent for job in jobs})
            case Action.RENAME:
                self.rename_wanted.emit(jobs[0])
            case Action.ANYWAY:
                self.anyway_wanted.emit()
            case _:
                for job in jobs:
                    self._command(action, job.id)

    def put_down(self, jobs: Sequence[Job], before: Job | None) -> None:
        """Bring these together in front of another one as it is shown, or behind the last that is."""
        order = [job.id for job in self._model.jobs]
        if before is None:
            shown = self._rows.index(self._rows.rowCount() - 1, 0).data(JOB).id
            after = [one for one in order[order.index(shown) + 1 :] if one not in {job.id for job in jobs}]
            target = after[0] if after else None
        else:
            target = before.id
        for job_id, to in steps(order, [job.id for job in jobs], target):
            self._do(_moving(job_id, to))

    def add(self, paths: Sequence[Path], community_id: str | None) -> None:
        """Put these files, and the videos in these folders, on the queue."""
        if paths:
            draft = Draft(community_id=community_id)
            self._do(lambda queue: queue.add(paths, draft), self._were_added)

    def write(self, job_id: str, fields: Mapping[str, Any]) -> None:
        """Save what was typed: `title`, `text`, `community_id`, `publish_at`, `min_height`, as far as given."""
        self._do(lambda queue: queue.write(job_id, **fields))

    def _command(self, action: Action, job_id: str) -> None:
        commands: dict[Action, Callable[[Queue], None]] = {
            Action.PAUSE: lambda queue: queue.pause(job_id),
            Action.RESUME: lambda queue: queue.resume(job_id),
            Action.RETRY: lambda queue: queue.retry(job_id),
            Action.RESTART: lambda queue: queue.restart(job_id),
            Action.POST: lambda queue: queue.approve(job_id, True),
            Action.POST_NOW: lambda queue: queue.approve(job_id, True),
            Action.POST_THEN: lambda queue: queue.approve(job_id, True),
            Action.HOLD: lambda queue: queue.approve(job_id, False),
            Action.REMOVE: lambda queue: queue.remove(job_id),
        }
        self._do(commands[action])

    def _copy_links(self, jobs: Sequence[Job]) -> None:
        QGuiApplication.clipboard().setText("\n".join(job.watch_url or "" for job in jobs))
        self._toast.say("Link copied" if len(jobs) == 1 else "Links copied")

    def _move(self, jobs: Sequence[Job], by: int) -> None:
        """Each past its neighbour in the list as it is shown; at the end nothing moves, and none overtakes."""
        order = [job.id for job in self._model.jobs]
        shown = [self._rows.index(row, 0).data(JOB).id for row in range(self._rows.rowCount())]
        moving = {job.id for job in jobs}
        for job_id in [one for one in shown[::-by] if one in moving]:
            at = shown.index(job_id)
            beside = at + by
            if not 0 <= beside < len(shown) or shown[beside] in moving:
                continue
            to = order.index(shown[beside])
            order.insert(to, order.pop(order.index(job_id)))
            shown[at], shown[beside] = shown[beside], shown[at]
            self._do(_moving(job_id, to))

    def _were_added(self, result: Added) -> None:
        jobs, refused = result
        parts = [f"Added {amounts.count(len(jobs), 'video', 'videos')}"] if jobs else []
        if len(refused) == 1:
            parts.append(f"Left out “{refused[0].path.name}”: {_lower(refused[0].error.title)}")
        elif refused:
            parts.append(f"Left out {amounts.count(len(refused), 'file', 'files')}: {_lower(refused[0].error.title)}")
        self._toast.say(". ".join(parts) or "There was nothing to add")
        if jobs:
            self.added.emit([job.id for job in jobs])


def _browse(urls: Iterable[QUrl]) -> None:
    for url in urls:
        QDesktopServices.openUrl(url)


def _moving(job_id: str, to: int) -> Callable[["Queue"], None]:
    return lambda queue: queue.move(job_id, to)


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
