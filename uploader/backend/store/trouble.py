"""What went wrong with the database: a race that was lost, or a database that is not there; all else is a mistake."""

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

LOST_RACES = frozenset({"40001", "40P01"})
"""PostgreSQL's words for: serialization failure, deadlock. The transaction left nothing behind."""

NOT_NOW = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
})  # fmt: skip
PRIMARY = 0xFF  # SQLite's extended codes carry the plain one in their lowest byte


def lost_race(error: SQLAlchemyError) -> bool:
    """Another transaction was in the way and won: the same again will do."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in LOST_RACES


def out_of_reach(error: SQLAlchemyError) -> bool:
    """The database cannot be asked at present: gone, restarting, full, locked by others, or all connections in use."""
    if isinstance(error, PoolExhausted):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY in NOT_NOW
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
