"""Whether the server is up."""

from fastapi import APIRouter

from uploader.backend.context import TheBackend
from uploader.backend.store.database import Database

router = APIRouter(tags=["server"])


@router.get("/healthz")
def healthz(backend: TheBackend) -> dict[str, str]:
    """The process answers and its database does."""
    look(backend.database)
    return {"status": "ok"}


def look(database: Database) -> None:
    """Raises what the database raises."""
    with database.read() as session:
        session.connection().exec_driver_sql("select 1")
