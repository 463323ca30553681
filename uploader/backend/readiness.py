"""Whether this server can do its work now, and if not, why: words for an operator, and nothing that is secret."""

import logging
import shutil
import tempfile
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from uploader.backend.config import Config
from uploader.backend.context import Backend
from uploader.backend.jobs import waiting
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import is_current
from uploader.backend.store.models import JobRow, now

log = logging.getLogger(__name__)

LEFT_LYING = timedelta(minutes=1)
"""A worker looks every two seconds: a job that nobody has taken up after this long has no worker."""


def reasons(backend: Backend) -> list[str]:
    """Why not, one sentence each; empty when ready."""
    found = _of_the_folder(backend.config)
    try:
        return found + _of_the_database(backend.database)
    except SQLAlchemyError:
        log.warning("Not ready: the database does not answer", exc_info=True)
        return [*found, "The database does not answer."]


def _of_the_database(database: Database) -> list[str]:
    if not is_current(database):
        return ["The database has another schema than this version needs. Start this version once to upgrade it."]
    return ["No worker takes up jobs that are due."] if _lying(database) else []


def _lying(database: Database) -> bool:
    """Whether a job is long due while nobody does one of its kind: a long queue alone is no fault."""
    due, leased = JobRow, aliased(JobRow)
    busy = select(leased.id).where(leased.kind == due.kind, leased.done_at.is_(None), leased.lease_until >= now())
    lying = select(due.id).where(waiting(), due.run_at <= now() - LEFT_LYING, ~busy.exists())
    with database.read() as session:
        return session.scalar(lying.limit(1)) is not None


def _of_the_folder(config: Config) -> list[str]:
    try:
        with tempfile.TemporaryFile(dir=config.data):
            free = shutil.disk_usage(config.data).free
    except OSError:
        log.warning("Not ready: the data folder cannot be written to", exc_info=True)
        return ["The data folder cannot be written to."]
    return [] if free >= config.disk_reserve else ["The disk of the data folder has less left than DISK_RESERVE_MB."]
