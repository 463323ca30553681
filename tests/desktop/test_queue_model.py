"""The model under Qt's own tester, and ten thousand jobs."""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from tests.desktop.jobs import GB, a_job, failed, posted, uploading
from tests.garbage import nothing_collected
from uploader.desktop.queue_model import JOB, QueueFilter, QueueModel
from uploader.engine.facts import Changed, Network, Ordered, Removed
from uploader.engine.job import Job, Status, Step

CHANCE = random.Random(11)  # noqa: S311  (the same every time)
pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def model() -> QueueModel:
    return checked(QueueModel())


def checked(model: QueueModel) -> QueueModel:
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    return model


def ids(model: QueueModel) -> list[str]:
    return [job.id for job in model.jobs]


def jobs(count: int) -> list[Job]:
    return [a_job(number) for number in range(count)]


def changed(some: Sequence[Job]) -> list[Changed]:
    return [Changed(job) for job in some]


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python a call runs: its cost, without a clock."""
    count = 0

    def trace(_frame: FrameType, event: str, _what: object) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    with nothing_collected():
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(before)
    return count


def test_new_jobs_that_come_together_are_one_insertion(model: QueueModel):
    inserted = QSignalSpy(model.rowsInserted)
    model.apply(changed(jobs(5)))
    assert inserted.count() == 1
    assert model.rowCount() == 5


def test_a_change_touches_one_row_only(model: QueueModel):
    some = jobs(5)
    model.apply(changed(some))
    told = QSignalSpy(model.dataChanged)
    model.apply([Changed(replace(some[3], sent=GB))])
    assert told.count() == 1
    assert told.at(0)[0].row() == told.at(0)[1].row() == 3
    assert model.index(3).data(JOB).sent == GB


def test_jobs_leave(model: QueueModel):
    some = jobs(6)
    model.apply(changed(some))
    model.apply([Removed(some[1].id), Removed(some[2].id), Removed(some[5].id), Removed("nobody")])
    assert ids(model) == [some[0].id, some[3].id, some[4].id]
    assert model.index_of(some[4].id).row() == 2
    assert not model.index_of(some[1].id).isValid()


def test_a_change_costs_the_same_among_ten_and_among_ten_thousand():
    def steps_of_a_change(count: int) -> int:
        model, some = QueueModel(), jobs(count)
        model.apply(changed(some))
        return lines_run(lambda: model.apply([Changed(replace(some[3], sent=GB))]))

    assert steps_of_a_change(10) == steps_of_a_change(10_000)


def test_a_job_can_come_and_go_in_one_batch(model: QueueModel):
    job = a_job()
    model.apply([Changed(job), Removed(job.id), Network(online=True, rate=0)])
    assert model.rowCount() == 0
    model.apply([Changed(job)])
    model.apply([Removed(job.id), Changed(replace(job, sent=7))])
    assert [one.sent for one in model.jobs] == [7]


@pytest.mark.parametrize(("row", "to"), [(0, 4), (4, 0), (1, 2), (2, 1), (3, 0)])
def test_a_move_is_a_move_and_keeps_what_points_at_the_row(model: QueueModel, row: int, to: int):
    some = jobs(5)
    model.apply(changed(some))
    held = QPersistentModelIndex(model.index(row))
    moved, reset = QSignalSpy(model.rowsMoved), QSignalSpy(model.layoutChanged)
    order = [job.id for job in some]
    order.insert(to, order.pop(row))
    model.apply([Ordered(tuple(order))])
    assert ids(model) == order
    assert (moved.count(), reset.count()) == (1, 0)
    assert held.row() == to
    assert all(model.index_of(job_id).row() == at for at, job_id in enumerate(order))


def test_any_new_order_keeps_what_points_at_the_rows(model: QueueModel):
    some = jobs(40)
    model.apply(changed(some))
    held = {job.id: QPersistentModelIndex(model.index_of(job.id)) for job in some}
    order = [job.id for job in some]
    CHANCE.shuffle(order)
    model.apply([Ordered(tuple(order))])
    assert ids(model) == order
    assert all(held[job_id].row() == at for at, job_id in enumerate(order))


def test_an_order_that_misses_a_job_or_names_a_stranger_loses_nobody(model: QueueModel):
    some = jobs(3)
    model.apply(changed(some))
    model.apply([Ordered((some[2].id, "a stranger", some[0].id))])
    assert ids(model) == [some[2].id, some[0].id, some[1].id]


def test_anything_may_happen(model: QueueModel):
    known: dict[str, Job] = {}
    order: list[str] = []
    for number in range(400):
        match CHANCE.choice(["new", "change", "remove", "move"]):
            case "new":
                job = a_job(number)
                known[job.id] = job
                order.append(job.id)
                model.apply([Changed(job)])
            case "change" if order:
                job_id = CHANCE.choice(order)
                known[job_id] = replace(known[job_id], step=Step.TRANSFER, status=Status.RUNNING, sent=number)
                model.apply([Changed(known[job_id])])
            case "remove" if order:
                job_id = order.pop(CHANCE.randrange(len(order)))
                del known[job_id]
                model.apply([Removed(job_id)])
            case "move" if order:
                order.insert(CHANCE.randrange(len(order)), order.pop(CHANCE.randrange(len(order))))
                model.apply([Ordered(tuple(order))])
    assert list(model.jobs) == [known[job_id] for job_id in order]


def test_the_sums_never_drift():
    model = QueueModel()
    model.apply(changed([uploading(1), uploading(2), a_job(3), failed(4), posted(5)]))
    assert model.tally.heading() == "Needs you 1 · Uploading 2 · Waiting 1 · Done 1"
    assert model.tally.footing(18e6) == "3 uploading or waiting · 7.2 GB left · about 7 min"
    model.apply([Removed(uploading(1).id), Changed(posted(2))])
    assert model.tally.heading() == "Needs you 1 · Waiting 1 · Done 2"
    assert model.tally.footing(0) == "1 uploading or waiting · 4.0 GB left"


@pytest.mark.parametrize(
    ("some", "words"),
    [
        ([], ""),
        ([posted()], "Nothing left to upload"),
        ([uploading(status=Status.PAUSED)], "1 paused"),
        ([a_job(step=Step.PROCESS, status=Status.RUNNING)], "Everything is on the server"),
        ([failed(1), failed(2)], "2 videos need you"),
    ],
)
def test_the_foot_says_what_is_true_when_nothing_is_sent(some: list[Job], words: str):
    model = QueueModel()
    model.apply(changed(some))
    assert model.tally.footing(0) == words


def test_a_search_looks_at_titles_file_names_and_states():
    model = QueueModel()
    rows = QueueFilter(model)
    QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal, rows)
    model.apply(changed([a_job(1, title="Harbour at dawn"), a_job(2, title="Night train"), failed(3)]))
    for text, count in {"harbour": 1, "HARBOUR dawn": 1, "clip 2": 1, "changed": 1, "": 3, "nothing": 0}.items():
        rows.look_for(text)
        assert rows.rowCount() == count, text


def test_what_is_hidden_comes_back():
    model = QueueModel()
    rows = QueueFilter(model)
    some = jobs(3)
    model.apply(changed(some))
    rows.hide([some[1].id])
    assert [rows.index(row, 0).data(JOB) for row in range(rows.rowCount())] == [some[0], some[2]]
    rows.unhide([some[1].id])
    assert rows.rowCount() == 3


def test_ten_thousand_jobs_load_in_one_insertion_and_change_in_one_row():
    model = QueueModel()
    inserted = QSignalSpy(model.rowsInserted)
    some = jobs(10_000)
    model.apply(changed(some))
    assert inserted.count() == 1
    assert model.rowCount(QModelIndex()) == 10_000
    told = QSignalSpy(model.dataChanged)
    model.apply([Changed(replace(some[9_999], sent=1))])
    assert told.count() == 1
    assert model.index_of(some[9_999].id).row() == 9_999
