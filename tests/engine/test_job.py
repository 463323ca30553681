"""The two small machines of a job: where it stands, and whether it moves."""

import itertools
from dataclasses import replace

import pytest

from tests.engine.many_jobs import NOW, a_full_job, a_job
from uploader.engine.job import ENDED, MOVES, ORDER, Status, Step, Trouble
from uploader.engine.queue import FLOW


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_only_listed_moves_are_allowed(before: Status, after: Status) -> None:
    job = replace(a_job(), status=before)
    if after in MOVES[before]:
        assert job.to(after).status is after
    else:
        with pytest.raises(ValueError, match=before):
            job.to(after)


def test_every_status_can_reach_an_end() -> None:
    reach = set(ENDED)
    for _ in Status:
        reach |= {status for status in Status if MOVES[status] & reach}
    assert reach == set(Status)


def test_nothing_leaves_an_end() -> None:
    assert all(MOVES[status] == frozenset() for status in ENDED)


def test_every_step_has_somebody_to_do_it() -> None:
    assert set(FLOW) == set(Step) - {Step.DONE}
    assert ORDER[-1] is Step.DONE


def test_what_stops_shows_only_what_the_server_has() -> None:
    job = replace(a_job(), status=Status.RUNNING, sent=900, confirmed=500, rate=10.0)
    for status in (Status.WAITING, Status.PAUSED, Status.FAILED):
        stopped = job.to(status)
        assert (stopped.sent, stopped.confirmed, stopped.rate) == (500, 500, 0)


def test_a_waiting_job_can_wait_for_something_else() -> None:
    first, second = Trouble("offline", "Waiting", "", NOW), Trouble("file_missing", "Missing")
    job = replace(a_job(), status=Status.RUNNING).waits(first)
    assert (job.status, job.trouble) == (Status.WAITING, first)
    assert job.waits(second).trouble == second
    assert job.waits(None).trouble is None
    with pytest.raises(ValueError, match="finished"):
        replace(job, status=Status.FINISHED).waits(first)


def test_a_new_upload_knows_nothing_of_the_old_one_and_keeps_the_draft() -> None:
    job = replace(a_full_job(), sealed=False)
    anew = job.anew()
    assert anew.attempt == job.attempt + 1
    assert (anew.step, anew.ticket, anew.fingerprint, anew.processing) == (Step.PREPARE, None, None, None)
    assert (anew.sent, anew.confirmed, dict(anew.resume)) == (0, 0, {})
    assert (anew.draft, anew.title, anew.thumbnail) == (job.draft, job.title, job.thumbnail)


def test_the_steps_follow_each_other() -> None:
    job = a_job()
    seen = [job.step]
    while job.step is not Step.DONE:
        job = job.onward()
        seen.append(job.step)
    assert tuple(seen) == ORDER
