"""The queue: which job moves, and what everyone is told about it."""

import enum
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from uploader.engine.drop import Refusal
from uploader.engine.job import Draft, Job


class Unset(enum.Enum):
    """Not said, where None says something."""

    UNSET = enum.auto()


UNSET: Final = Unset.UNSET


class Queue:
    """Owns every job. Lives on one event loop; call it only from there.

    An id nobody has is a KeyError; a command the job's state does not allow is a ValueError and changes nothing.
    """

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, in order."""
        raise NotImplementedError

    async def add(self, paths: Sequence[Path], draft: Draft = Draft()) -> tuple[list[Job], list[Refusal]]:  # noqa: B008 (frozen)
        """Take files, and the videos in folders. On disk when this returns."""
        raise NotImplementedError

    def pause(self, job_id: str) -> None:
        """Stop a job where it is. Nothing that the server has is lost."""
        raise NotImplementedError

    def resume(self, job_id: str) -> None:
        """Let a paused job go on."""
        raise NotImplementedError

    def retry(self, job_id: str) -> None:
        """Try a failed job again, or a waiting one now."""
        raise NotImplementedError

    def restart(self, job_id: str) -> None:
        """Upload the file as it is now from the start. ValueError once its post may be out, or when it has ended."""
        raise NotImplementedError

    def cancel(self, job_id: str) -> None:
        """Stop for good; what the server has of it is deleted there."""
        raise NotImplementedError

    def remove(self, job_id: str) -> None:
        """Take a job off the list, cancelling it first if it has not ended."""
        raise NotImplementedError

    def move(self, job_id: str, to: int) -> None:
        """Put a job at place `to` (0 is the first)."""
        raise NotImplementedError

    def pause_all(self) -> None:
        """Pause everything that waits or runs."""
        raise NotImplementedError

    def resume_all(self) -> None:
        """Let everything go on that is paused."""
        raise NotImplementedError

    def retry_now(self) -> None:
        """Try everything that waits for another attempt at once: the network is back, or a person said so."""
        raise NotImplementedError

    def write(
        self,
        job_id: str,
        *,
        title: str | None = None,
        text: str | None = None,
        community_id: str | Unset | None = UNSET,
    ) -> None:
        """Edit what is given. ValueError once the post may have reached the server."""
        raise NotImplementedError

    def approve(self, job_id: str, approved: bool) -> None:
        """Post when ready, or take that back. ValueError once the post may have reached the server."""
        raise NotImplementedError

    async def idle(self) -> None:
        """Wait until nothing moves or is going to move by itself."""
        raise NotImplementedError

    async def ended(self, ids: Iterable[str]) -> None:
        """Wait until these jobs are finished, failed, cancelled or removed."""
        raise NotImplementedError
