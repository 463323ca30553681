"""Edits on their way to the queue: saved soon after the last key, shown until the queue says the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from PySide6.QtCore import QObject, QTimer

from uploader.desktop import tokens
from uploader.engine.job import Job

Value = str | datetime | int | None
Write = Callable[[str, Mapping[str, Value]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What the composer shows for one job."""

    title: str
    text: str
    community_id: str | None
    publish_at: datetime | None
    min_height: int | None


class Drafts(QObject):
    """Keeps what was typed until the queue has it. Fields are those of `Written`."""

    def __init__(self, write: Write, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._write = write
        self._unsaved: dict[str, dict[str, Value]] = {}
        self._unheard: dict[str, dict[str, Value]] = {}
        self._timer = QTimer(self, singleShot=True, interval=tokens.AUTOSAVE)
        self._timer.timeout.connect(self.save)

    def edit(self, job_id: str, field: str, value: Value) -> None:
        """A person changed a field."""
        self._unsaved.setdefault(job_id, {})[field] = value
        self._timer.start()

    def save(self) -> None:
        """Hand everything to the queue now."""
        self._timer.stop()
        unsaved, self._unsaved = self._unsaved, {}
        for job_id, fields in unsaved.items():
            self._unheard.setdefault(job_id, {}).update(fields)
            self._write(job_id, fields)

    def heard(self, job: Job) -> None:
        """The queue said how a job stands: forget what it has taken, and everything once it is sealed."""
        unheard = self._unheard.get(job.id)
        if unheard is None:
            return
        says = _said(job)
        left = {} if job.sealed else {field: value for field, value in unheard.items() if getattr(says, field) != value}
        if left:
            self._unheard[job.id] = left
        else:
            del self._unheard[job.id]

    def of(self, job: Job) -> Written:
        """The job's words with everything typed since."""
        typed = {} if job.sealed else self._unheard.get(job.id, {}) | self._unsaved.get(job.id, {})
        given: dict[str, Any] = {field: value for field, value in typed.items() if value or field != "title"}
        return replace(_said(job), **given)


def _said(job: Job) -> Written:
    """What the queue says."""
    draft = job.draft
    return Written(job.title, draft.text, draft.community_id, draft.publish_at, draft.min_height)
