"""Rows that are there once, however many put them there at the same time."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from uploader.backend.store.models import Base


def insert_once(session: Session, table: type[Base], row: Mapping[str, Any], *, key: list[str] | None = None) -> bool:
    """Insert unless a row with the same key is there (any unique one, or the columns of `key`). False: it was."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(dict(row)).on_conflict_do_nothing(index_elements=key)
    done = session.execute(statement, execution_options={"preserve_rowcount": True})  # psycopg forgets it otherwise
    return isinstance(done, CursorResult) and done.rowcount > 0
