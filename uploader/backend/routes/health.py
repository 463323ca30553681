"""Whether the server is up, and whether it can do its work."""

from fastapi import APIRouter

from uploader.backend.context import TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.readiness import reasons

router = APIRouter(tags=["server"])

A_MOMENT = 5


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers. A database that is down is no reason to start it anew."""
    return {"status": "ok"}


@router.get("/readyz", responses=responses(503))
def readyz(backend: TheBackend) -> dict[str, str]:
    """Database, data folder and workers are as they should be; or 503 with the reasons."""
    found = reasons(backend)
    if found:
        raise ApiProblem(503, " ".join(found), "not_ready", A_MOMENT)
    return {"status": "ready"}
