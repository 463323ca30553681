"""Who stores, transcodes and plays the videos.

Each provider is one file or folder here and one line in PROVIDERS.
"""

from collections.abc import Callable

from uploader.backend.config import Config
from uploader.backend.providers.base import Provider
from uploader.backend.providers.cloudflare import provider as cloudflare
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.providers.mux import provider as mux
from uploader.backend.store.database import Database

MakeProvider = Callable[[Config, str, Database], Provider | None]
"""From the configuration, the base URL without a slash at the end, and the database; None: it is not configured."""

PROVIDERS: dict[str, MakeProvider] = {
    "local": LocalProvider,
    "cloudflare": cloudflare.make,
    "mux": mux.make,
}
