"""What every measurement is given: how large, how often, where to put files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.film import film
from tests.engine.certificates import certificates


@dataclass
class Plan:
    """`size` in bytes is that of the one large upload, `runs` how often each is measured, `peers` beside whom.

    `quick` is for trying it out.
    """

    folder: Path
    size: int
    runs: int
    peers: frozenset[str]
    quick: bool

    def film(self, size: int | None = None) -> Path:
        """A video of this size, or of the plan's."""
        return film(self.folder, size or self.size)

    @cached_property
    def tls(self) -> tuple[Path, Path, Path]:
        """Files of a made authority, certificate and key."""
        (folder := self.folder / "tls").mkdir()
        return certificates(folder)

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A new folder for one run."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="home-") as name:
            yield Path(name)
