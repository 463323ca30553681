"""What this server takes, for anybody who asks."""

from fastapi import APIRouter

import uploader
from uploader.backend.context import Backend, TheBackend
from uploader.backend.problems import responses
from uploader.wire import EVENTS, MIN_HEIGHT, SIGN_OUT_EVERYWHERE, ServerConfig

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
        capabilities=_capabilities(backend),
    )


def _capabilities(backend: Backend) -> tuple[str, ...]:
    accounts = (SIGN_OUT_EVERYWHERE,) if backend.issuer is None else ()
    return (*accounts, EVENTS, *((MIN_HEIGHT,) if backend.provider.better_later else ()))
