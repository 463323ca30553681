"""The queue as Qt sees it: one row a job, over frozen snapshots."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

from uploader.desktop import describe
from uploader.desktop.tally import Tally
from uploader.engine.facts import Changed, Fact, Ordered, Removed
from uploader.engine.job import Job

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
JOB = Role.UserRole + 1
DESCRIPTION = Role.UserRole + 2
NOWHERE = QModelIndex()


class QueueModel(QAbstractListModel):
    """Takes facts in, hands snapshots out. A change of one job costs the same whether there are ten or ten thousand."""

    def __init__(
        self, parent: QObject | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._rows: dict[str, int] = {}
        self.clock = clock
        self.tally = Tally()

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802  (Qt's name)
        """One row a job."""
        return 0 if parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:  # noqa: ANN401  (Qt's signature)
        """The title, the words for a screen reader and the tooltip, `JOB` (the snapshot) or `DESCRIPTION`."""
        if not index.isValid() or not 0 <= index.row() < len(self._jobs):
            return None
        job = self._jobs[index.row()]
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return job.title
            case Role.AccessibleDescriptionRole:
                return describe.spoken(job, self.clock())
            case Role.ToolTipRole:
                row = describe.describe(job, self.clock())
                return "\n".join(part for part in (job.title, row.words, row.hint) if part)
            case _ if role == DESCRIPTION:
                return describe.describe(job, self.clock())
            case _:
                return job if role == JOB else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """A row can be taken with the mouse. It falls between others, never on one."""
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else super().flags(index)

    @property
    def jobs(self) -> Sequence[Job]:
        """The snapshots, in order."""
        return self._jobs

    def job(self, job_id: str) -> Job | None:
        """The last snapshot of one job."""
        row = self._rows.get(job_id)
        return None if row is None else self._jobs[row]

    def index_of(self, job_id: str) -> QModelIndex:
        """Where a job stands; invalid if it is not there."""
        row = self._rows.get(job_id)
        return QModelIndex() if row is None else self.index(row)

    def apply(self, facts: Iterable[Fact]) -> None:
        """Take in what the engine said, in its order. New jobs that follow one another become one insertion."""
        fresh: dict[str, Job] = {}
        gone: set[str] = set()
        for fact in facts:
            match fact:
                case Changed(job):
                    if job.id in self._rows and job.id not in gone:
                        self._replace(job)
                    else:
                        fresh[job.id] = job
                case Removed(job_id):
                    if fresh.pop(job_id, None) is None:
                        gone.add(job_id)
                case Ordered(job_ids):
                    self._remove(gone)
                    self._append(fresh)
                    fresh, gone = {}, set()
                    self._order(job_ids)
                case _:
                    pass
        self._remove(gone)
        self._append(fresh)

    def _replace(self, job: Job) -> None:
        row = self._rows[job.id]
        self.tally.exchange(self._jobs[row], job)
        self._jobs[row] = job
        at = self.index(row)
        self.dataChanged.emit(at, at)

    def _append(self, fresh: dict[str, Job]) -> None:
        if not fresh:
            return
        first = len(self._jobs)
        self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
        for job in fresh.values():
            self._rows[job.id] = len(self._jobs)
            self._jobs.append(job)
            self.tally.exchange(None, job)
        self.endInsertRows()

    def _remove(self, gone: set[str]) -> None:
        rows = sorted((self._rows[job_id] for job_id in gone if job_id in self._rows), reverse=True)
        if not rows:
            return
        lowest = rows[-1]
        while rows:
            last = first = rows.pop(0)
            while rows and rows[0] == first - 1:
                first = rows.pop(0)
            self.beginRemoveRows(QModelIndex(), first, last)
            for job in self._jobs[first : last + 1]:
                del self._rows[job.id]
                self.tally.exchange(job, None)
            del self._jobs[first : last + 1]
            self.endRemoveRows()
        self._number(lowest)

    def _order(self, job_ids: Sequence[str]) -> None:
        named = [job_id for job_id in job_ids if job_id in self._rows]
        others = self._rows.keys() - named
        wanted = [self._jobs[self._rows[job_id]] for job_id in named] + [job for job in self._jobs if job.id in others]
        changed = [row for row, (old, new) in enumerate(zip(self._jobs, wanted, strict=True)) if old.id != new.id]
        if not changed:
            return
        first, last = changed[0], changed[-1]
        if [job.id for job in self._jobs[first:last]] == [job.id for job in wanted[first + 1 : last + 1]]:
            self._move(last, first)
        elif [job.id for job in self._jobs[first + 1 : last + 1]] == [job.id for job in wanted[first:last]]:
            self._move(first, last)
        else:
            self._shuffle(wanted)

    def _move(self, row: int, to: int) -> None:
        before = to + 1 if to > row else to
        self.beginMoveRows(QModelIndex(), row, row, QModelIndex(), before)
        self._jobs.insert(to, self._jobs.pop(row))
        self._number(min(row, to), max(row, to) + 1)
        self.endMoveRows()

    def _shuffle(self, wanted: list[Job]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        held = [self._jobs[index.row()].id for index in before]
        self._jobs = wanted
        self._number(0)
        self.changePersistentIndexList(before, [self.index(self._rows[job_id]) for job_id in held])
        self.layoutChanged.emit()

    def _number(self, first: int, end: int | None = None) -> None:
        for row in range(first, len(self._jobs) if end is None else end):
            self._rows[self._jobs[row].id] = row


class QueueFilter(QSortFilterProxyModel):
    """The rows a person wants to see: what matches their search, without what they just removed and may bring back."""

    def __init__(self, model: QueueModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._words: tuple[str, ...] = ()
        self._hidden: frozenset[str] = frozenset()
        self.setSourceModel(model)

    def look_for(self, text: str) -> None:
        """Show the jobs whose title, file name or words hold every word of `text`."""
        self._change(words=tuple(text.casefold().split()))

    def hide(self, job_ids: Iterable[str]) -> None:
        """Leave these out."""
        self._change(hidden=self._hidden | frozenset(job_ids))

    def unhide(self, job_ids: Iterable[str]) -> None:
        """Show these again."""
        self._change(hidden=self._hidden - frozenset(job_ids))

    @property
    def looking(self) -> bool:
        """Whether a search narrows the list."""
        return bool(self._words)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:  # noqa: N802  (Qt's name)
        """Qt asks once a row and change."""
        job = self._model.jobs[source_row]
        if job.id in self._hidden:
            return False
        if not self._words:
            return True
        said = describe.describe(job, self._model.clock()).words
        text = f"{job.title} {job.path.name} {said}".casefold()
        return all(word in text for word in self._words)

    def _change(self, words: tuple[str, ...] | None = None, hidden: frozenset[str] | None = None) -> None:
        self.beginFilterChange()
        self._words = self._words if words is None else words
        self._hidden = self._hidden if hidden is None else hidden
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)
