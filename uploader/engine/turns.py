"""Whose turn it is: which file may overtake, and which may be asked to wait. Pure."""

from collections.abc import Sequence

from uploader.engine.job import Job, Step
from uploader.protocols import IN_ONE_GO

SLOTTED = frozenset({Step.PREPARE, Step.TRANSFER})
"""The steps that use the disk and the line: no more jobs than there are slots are in one of these."""

SMALL = 100_000_000
"""Bytes left to send, at most, of a file that overtakes."""

SHARE = 10
"""It has at most so small a part left of what everything it overtakes has left."""


def overtakes(job: Job, running: Sequence[Job]) -> bool:
    """Whether a file is so small that it need not wait for these, which have every slot.

    It runs beside them, and one such file at a time: nothing is taken from anybody but a share of the line.
    """
    left = _left(job)
    return left <= SMALL and all(left * SHARE <= _left(other) for other in running)


def gives_way(job: Job) -> bool:
    """Whether a job that runs can be stopped for another without sending anything again."""
    in_one_go = job.ticket is not None and job.ticket.protocol in IN_ONE_GO
    return job.step is not Step.TRANSFER or not in_one_go


def _left(job: Job) -> int:
    return job.size - job.confirmed
