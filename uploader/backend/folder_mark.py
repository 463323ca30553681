"""Whether the servers of one database share one data folder, as the local provider needs; told by a mark in both."""

from pathlib import Path

from sqlalchemy import select

from uploader.backend.config import Config, ConfigProblems, kept_secret
from uploader.backend.store.database import Database
from uploader.backend.store.models import ServerFact, Video
from uploader.backend.store.once import insert_once

MARK = "folder-id"
LOCAL = "local"
ELSEWHERE = (
    "This database belongs to another data folder than {folder}, and videos are kept in it. Share that folder between "
    "the hosts, or use cloudflare or mux. If this folder takes its place, write {known} into {file}."
)


def check(config: Config, database: Database) -> None:
    """Raises ConfigProblems where this folder is another one than the database knows, and that would lose something."""
    if database.dialect == "sqlite":
        return  # the database lies in the folder, or is held by it
    mark = kept_secret(config.data / MARK)
    with database.write() as session:
        insert_once(session, ServerFact, {"name": MARK, "value": mark})
    with database.read() as session:
        known = session.get_one(ServerFact, MARK).value
        here = select(Video.id).where(Video.provider == LOCAL, Video.status != "cancelled").limit(1)
        local = config.provider == LOCAL or session.scalar(here) is not None
    if known == mark:
        return
    if local:
        raise ConfigProblems([ELSEWHERE.format(folder=config.data, known=known, file=config.data / MARK)])
    secrets = {"APP_KEY": (config.app_key, "app-key"), "WEBHOOK_SECRET": (config.webhook_secret, "webhook-secret")}
    made = [name for name, (secret, file) in secrets.items() if _kept(config.data / file) == secret]
    if made:
        raise ConfigProblems([f"{' and '.join(made)} must be set to the same on every host of this database."])


def _kept(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.exists() else None
