"""Which database the running test is on: SQLite in a folder of its own, or a fresh one of a real PostgreSQL.

Every test below `tests/backend` runs on both, unless it is marked `one_database` with the reason why a second run would
prove nothing: it has no database, or what it tries (bytes on disk, pages, a provider's wire format) is the same code
after the same rows. Its servers get their database by their data folder, so that a second start finds the first's rows.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

from tests.postgres import Cluster, cluster
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate

KINDS = ("sqlite", "postgresql")
TEMPLATE = "migrated"
FILE = "reelferry.sqlite3"
"""What a server calls its SQLite in its data folder."""


class Databases:
    """Hands out addresses. `kind` is that of the module's block of tests that runs now."""

    def __init__(self) -> None:
        self.kind = "sqlite"
        self._ending = ExitStack()
        self._cluster: Cluster | None = None
        self._numbers = count()
        self._given: dict[Path, str] = {}

    def url(self, folder: Path) -> str | None:
        """The database of a server in this folder, with all tables; None where the server takes SQLite by itself.

        That has its tables already then: each migration by itself would take longer than most tests.
        """
        if self.kind == "postgresql":
            return self.cluster.url(self._name(folder, TEMPLATE))
        if not (folder / FILE).exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(self._migrated, folder / FILE)
        return None

    def empty(self, folder: Path) -> str:
        """A database for this folder without any table."""
        if self.kind == "sqlite":
            folder.mkdir(exist_ok=True)
            return f"sqlite:///{folder / FILE}"
        return self.cluster.url(self._name(folder, "template0"))

    @cached_property
    def _migrated(self) -> Path:
        """An SQLite with all tables, whole in one file."""
        folder = Path(self._ending.enter_context(tempfile.TemporaryDirectory(prefix="reelferry-sqlite-")))
        template = Database(f"sqlite:///{folder / FILE}")
        migrate(template)
        template.close()  # the last connection, so nothing is left beside the file
        return folder / FILE

    @property
    def cluster(self) -> Cluster:
        """The one PostgreSQL of this process, started when it is first asked for."""
        if self._cluster is None:
            self._cluster = self._ending.enter_context(cluster())
            template = Database(self._cluster.create(TEMPLATE))
            migrate(template)
            template.close()
        return self._cluster

    @contextmanager
    def dropped(self, folder: Path) -> Iterator[None]:
        """Afterwards the databases of all servers below this folder are gone."""
        yield
        for one in [one for one in self._given if one.is_relative_to(folder)]:
            self.cluster.drop(self._given.pop(one))

    def end(self) -> None:
        """Stop what was started."""
        self._ending.close()

    def _name(self, folder: Path, template: str) -> str:
        if folder not in self._given:
            name = f"test{next(self._numbers)}"
            self.cluster.create(name, template)
            self._given[folder] = name
        return self._given[folder]


databases = Databases()
