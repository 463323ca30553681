"""Brings a database to the schema of this version."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from uploader.backend.store.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


class DatabaseTooNew(Exception):
    """The database was written by a later version of Reelferry."""


def alembic_config(database: Database) -> Config:
    """Alembic on this database: what its commands and our tests need."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["engine"] = database.engine
    return config


def migrate(database: Database) -> None:
    """Upgrade to the newest schema: a transaction a step, on SQLite one for all steps.

    Any number of processes may do so at once. DatabaseTooNew if a later version wrote it.
    """
    found = _revision(database)
    if found == _newest():
        return
    config = alembic_config(database)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseTooNew(found)
    command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Whether the schema is that of this version."""
    return _revision(database) == _newest()


@cache
def _newest() -> str | None:
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def _revision(database: Database) -> str | None:
    with database.engine.execution_options(readonly=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
