"""What every request needs, built once by the server and handed on by argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from uploader.backend.config import Config
from uploader.backend.store.database import Database

if TYPE_CHECKING:
    from uploader.backend.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Backend:
    """The server's parts. `base_url` is where people reach it, without a slash at the end."""

    config: Config
    database: Database
    providers: "Mapping[str, Provider]"
    clock: Callable[[], datetime]
    base_url: str

    @property
    def provider(self) -> "Provider":
        """Who takes new uploads. A stored video keeps the provider it came by."""
        return self.providers[self.config.provider]


def the_backend(request: Request) -> Backend:
    """The dependency that gives a route its parts."""
    backend: Backend = request.app.state.backend
    return backend


TheBackend = Annotated[Backend, Depends(the_backend)]
