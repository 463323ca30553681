"""What this server takes, for anybody who asks."""

from fastapi import APIRouter

import uploader
from uploader.backend.context import TheBackend
from uploader.backend.problems import responses
from uploader.wire import EVENTS, SIGN_OUT_EVERYWHERE, ServerConfig

router = APIRouter(prefix="/api", tags=["server"])


@router.get("/config", responses=responses())
def config(backend: TheBackend) -> ServerConfig:
    """Limits and protocols. Needs no sign-in."""
    return ServerConfig(
        version=uploader.__version__,
        max_bytes=backend.config.max_bytes,
        max_duration_seconds=backend.config.max_duration,
        accepted_types=("video/*",),
        protocols=backend.provider.protocols,
        publishing=("now", "when_ready", "at", "draft"),
        capabilities=(EVENTS,) if backend.issuer is not None else (SIGN_OUT_EVERYWHERE, EVENTS),
        min_heights=backend.provider.later_heights,
    )
