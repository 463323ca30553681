"""Hears what other processes on the same PostgreSQL announce: one connection and one thread a process."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from uploader.backend.store.database import CHANNEL

log = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between two looks whether to stop."""

PAUSE = 1.0
"""Seconds before a lost connection is made anew."""


class Listener(threading.Thread):
    """Calls `heard` with the id of each user who is named, and with None where some may have been missed.

    The connection is one of the engine's, taken out of its pool for good.
    """

    def __init__(self, engine: Engine, heard: Callable[[str | None], None]) -> None:
        super().__init__(name="listener", daemon=True)
        self._engine = engine
        self._heard = heard
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask it to end; then `join`."""
        self._stopping.set()

    def run(self) -> None:
        """The thread."""
        while not self._stopping.is_set():
            try:
                self._listen()
            except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
                if self._stopping.is_set():  # and the database may be gone
                    return
                log.warning("What other processes change is noticed later for now: %s", error)
                self._stopping.wait(PAUSE)

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection  # psycopg's; there is none once it is detached
        pooled.detach()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self._heard(None)
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=LOOK):
                    self._heard(notice.payload)
        finally:
            connection.close()
            pooled.invalidate()
