import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from tests.backend.asking import ready_event
from tests.backend.providers.contract import SECRET, ProviderContract, an_order
from tests.backend.server import config_in
from uploader.backend.providers.base import Order
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate
from uploader.backend.webhooks import sign

pytestmark = pytest.mark.one_database("what goes to a provider and comes from it; no rows")


@dataclass
class LocalStage:
    """The provider of this computer: there is no far side, and only what lies on the disk."""

    provider: LocalProvider
    elsewhere: bool = False

    def order(self, **changed: object) -> Order:
        return an_order(**changed)

    def holds(self, upload_id: str) -> bool:
        made = self.provider.media / f"video-of-{upload_id}"
        return self.provider.original(upload_id).exists() or made.exists()

    def arrive(self, upload_id: str) -> None:
        self.provider.original(upload_id).parent.mkdir(parents=True, exist_ok=True)
        self.provider.original(upload_id).write_bytes(b"bytes")

    def finish(self, upload_id: str) -> None:
        (self.provider.media / f"video-of-{upload_id}").mkdir()

    def work(self, upload_id: str) -> None: ...

    def spoil(self, upload_id: str) -> None: ...

    def lose(self, upload_id: str) -> None:
        shutil.rmtree(self.provider.original(upload_id).parent)

    def refuse(self, *refusals: tuple[int, dict[str, str], bytes]) -> None: ...

    def asked(self) -> int:
        return 0

    def news(self, upload_id: str, secret: str = SECRET, moment: datetime | None = None) -> tuple[str, bytes]:
        body = json.dumps(ready_event(upload_id)).encode()
        return sign(secret, body), body


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[LocalStage]:
    config = config_in(tmp_path / "data", WEBHOOK_SECRET=SECRET)
    database = Database(config.database_url)
    migrate(database)
    yield LocalStage(LocalProvider(config, "http://127.0.0.1:9", database))
    database.close()


class TestLocal(ProviderContract):
    pass


@pytest.mark.parametrize(
    ("base_url", "checksum"),
    [
        ("http://192.168.1.20:8080", "sha1"),
        ("http://videos.example", "sha1"),
        ("https://videos.example", None),
        ("http://127.0.0.1:8080", None),
        ("http://localhost:8080", None),
    ],
)
def test_pieces_have_checksums_where_nothing_else_protects_them(base_url: str, checksum: str | None, tmp_path: Path):
    database = Database((config := config_in(tmp_path / "data", WEBHOOK_SECRET=SECRET)).database_url)
    grant = LocalProvider(config, base_url, database).grant(an_order())
    assert grant.chunk.checksum == checksum
    database.close()
