"""How often something may happen: a counter in the database, exact under concurrency and across processes."""

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from uploader.backend.store.database import Database
from uploader.backend.store.models import RateLimit

LONGEST = timedelta(hours=1)
"""No window is longer."""


def allow(database: Database, key: str, limit: int, per_seconds: int, now: datetime) -> bool:
    """Count one hit on `key`; True for the first `limit` of each window of `per_seconds`."""
    dialect = postgresql if database.dialect == "postgresql" else sqlite
    window = _window(per_seconds, now)
    hit = dialect.insert(RateLimit).values(key=key, window=window, hits=1)
    with database.write() as session:
        hits = session.scalar(
            hit.on_conflict_do_update(index_elements=["key", "window"], set_={"hits": RateLimit.hits + 1}).returning(
                RateLimit.hits
            )
        )
        if hits == 1:
            session.execute(delete(RateLimit).where(RateLimit.key == key, RateLimit.window < window))
    return hits is not None and hits <= limit


def take_back(database: Database, key: str, per_seconds: int, now: datetime) -> None:
    """Undo one hit of this window: what was counted before it was tried turned out well."""
    window = _window(per_seconds, now)
    with database.write() as session:
        session.execute(
            update(RateLimit)
            .where(RateLimit.key == key, RateLimit.window == window, RateLimit.hits > 0)
            .values(hits=RateLimit.hits - 1)
        )


def forget_old(session: Session, now: datetime) -> None:
    """Drop the windows of keys that did not come again: addresses that were seen once, names that were guessed."""
    session.execute(delete(RateLimit).where(RateLimit.window < int((now - LONGEST).timestamp())))


def _window(per_seconds: int, now: datetime) -> int:
    moment = int(now.timestamp())
    return moment - moment % per_seconds


def seconds_left(per_seconds: int, now: datetime) -> int:
    """Whole seconds until the next window begins: what Retry-After should say."""
    return per_seconds - int(now.timestamp()) % per_seconds
