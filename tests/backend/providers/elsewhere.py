"""A server before two providers that are elsewhere, both fakes, and what happens there."""

from dataclasses import dataclass
from datetime import timedelta

import httpx
from sqlalchemy import update

from tests.backend.providers.contract import SECRET
from tests.backend.server import Person, client
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux, signed
from uploader.backend.context import Backend
from uploader.backend.store.models import Video, now

ENVIRON = {
    "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    "CLOUDFLARE_API_TOKEN": TOKEN,
    "MUX_TOKEN_ID": TOKEN_ID,
    "MUX_TOKEN_SECRET": TOKEN_SECRET,
}


@dataclass
class Elsewhere:
    """A server with all three providers, and the two that are elsewhere."""

    backend: Backend
    person: Person
    cloudflare: FakeCloudflare
    mux: FakeMux

    def upload_of(self, video_id: str) -> str:
        with self.backend.database.read() as session:
            return str(session.get_one(Video, video_id).provider_upload_id)

    def holds(self, upload_id: str) -> bool:
        """Whether the provider still keeps this upload, or what was made of it."""
        if upload_id in self.mux.uploads:
            upload = self.mux.uploads[upload_id]
            return upload.status != "cancelled" and upload.asset != "deleted"
        return upload_id in self.cloudflare.videos

    def let_time_pass(self) -> None:
        """The next status may ask again."""
        with self.backend.database.write() as session:
            session.execute(update(Video).values(looked_at=now() - timedelta(seconds=11)))

    def hear(self, headers: dict[str, str], body: bytes) -> httpx.Response:
        with client(self.backend) as sender:
            return sender.post("/api/webhooks/video-processing", content=body, headers=headers)

    def tell_mux(self, kind: str, upload_id: str) -> None:
        assert self.hear(*signed(self.mux.event(kind, upload_id), SECRET)).status_code == 200


def asked(place: Elsewhere) -> int:
    return len(place.cloudflare.asked) + len(place.mux.asked)


def created(place: Elsewhere) -> int:
    """How many uploads the provider was asked to make."""
    asked = [*place.cloudflare.asked, *place.mux.asked]
    return sum(one.method == "POST" for one in asked)


def arrive(place: Elsewhere, upload_id: str) -> None:
    """All bytes came, and nothing else happened yet."""
    if upload_id in place.mux.uploads:
        place.mux.arrive(upload_id)
    else:
        place.cloudflare.move(upload_id, "queued")


def finish(place: Elsewhere, upload_id: str) -> None:
    """All bytes came, and the provider has made the video."""
    if upload_id in place.mux.uploads:
        place.mux.arrive(upload_id).asset = "ready"
    else:
        place.cloudflare.move(upload_id, "ready", "100.000000")


def tell_ready(place: Elsewhere, upload_id: str) -> httpx.Response:
    if upload_id in place.mux.uploads:
        event = place.mux.event("video.asset.ready", upload_id) | {"id": f"ready {upload_id}"}
        return place.hear(*signed(event, SECRET))
    return place.hear(*place.cloudflare.news(upload_id, SECRET))
