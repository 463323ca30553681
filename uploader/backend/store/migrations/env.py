"""How Alembic reaches the database: over the engine it is handed, or over DATABASE_URL when a developer runs it."""

import os
from typing import Literal, cast

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import func, select
from sqlalchemy.engine.interfaces import DBAPIConnection

import uploader.backend.store.sign_in_models  # noqa: F401  (its tables belong to Base as well)
from uploader.backend.store.database import Database
from uploader.backend.store.models import Base, JsonText, UtcTime

ONE_AT_A_TIME = 73570001
"""The advisory lock of everybody who migrates: any number that nobody else in this database uses."""

JSON_TEXT = 'sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")'


def render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Migrations name plain SQLAlchemy types: they outlive our models."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is JsonText:
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return JSON_TEXT
    return False


PATIENCE = 600_000
"""Milliseconds that whoever migrates SQLite waits for another one who does: all steps are one transaction there."""


def set_foreign_keys(connection: DBAPIConnection, on: bool) -> None:
    """Batch mode copies and drops tables: with foreign keys on, SQLite would delete the rows that point at them."""
    connection.cursor().execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def set_patience(connection: DBAPIConnection, milliseconds: int) -> int:
    """How long SQLite waits for another writer from now on; what it was before."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout")
    (before,) = cursor.fetchone() or (0,)
    cursor.execute(f"PRAGMA busy_timeout={milliseconds}")
    return int(before)


given = context.config.attributes.get("engine")
engine = given or Database(os.environ["DATABASE_URL"]).engine
is_sqlite = engine.dialect.name == "sqlite"
with engine.connect() as connection:
    raw = cast("DBAPIConnection", connection.connection.dbapi_connection)
    if is_sqlite:
        set_foreign_keys(raw, on=False)
        patience = set_patience(raw, PATIENCE)
    else:
        connection.execute(select(func.pg_advisory_lock(ONE_AT_A_TIME)))
        connection.commit()  # the lock is the session's, not the transaction's
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=render_item,
            compare_type=True,
            compare_server_default=True,
            transactional_ddl=True,
            # SQLite has no lock but its transactions: between two, another process could do the same step
            transaction_per_migration=not is_sqlite,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.rollback()
        if is_sqlite:
            set_patience(raw, patience)
            set_foreign_keys(raw, on=True)
        else:
            connection.execute(select(func.pg_advisory_unlock(ONE_AT_A_TIME)))
            connection.commit()
if given is None:
    engine.dispose()
