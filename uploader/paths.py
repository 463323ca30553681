"""Where things are kept on this computer, and how to start ourselves again."""

import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "Reelferry"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation. Tests hand in a folder of their own."""

    data: Path
    config: Path
    logs: Path
    cache: Path

    @classmethod
    def of_user(cls) -> "Paths":
        """The platform's own places for this user."""
        dirs = platformdirs.PlatformDirs(APP, appauthor=False)
        return cls(dirs.user_data_path, dirs.user_config_path, dirs.user_log_path, dirs.user_cache_path)

    @classmethod
    def under(cls, folder: Path) -> "Paths":
        """Everything below one folder."""
        return cls(folder / "data", folder / "config", folder / "logs", folder / "cache")

    def make(self) -> "Paths":
        """Create what is missing; readable by this user only."""
        for folder in (self.data, self.config, self.logs, self.cache, self.thumbnails):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    @property
    def queue(self) -> Path:
        """The queue's database."""
        return self.data / "queue.sqlite3"

    @property
    def settings(self) -> Path:
        """The user's choices, one readable file."""
        return self.config / "settings.json"

    @property
    def server(self) -> Path:
        """The data folder of the embedded backend."""
        return self.data / "server"

    @property
    def thumbnails(self) -> Path:
        """Frames taken from the user's files, one JPEG a job."""
        return self.cache / "thumbnails"


def own_command(*arguments: str) -> list[str]:
    """The command line that starts this program again: from source, or frozen."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "uploader", *arguments]
