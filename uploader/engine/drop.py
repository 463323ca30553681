"""A path becomes a job, or a refusal in words."""

from dataclasses import dataclass
from pathlib import Path

from uploader.errors import ReelferryError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A path that was not taken, and why."""

    path: Path
    error: ReelferryError
