"""A server before two providers that are elsewhere, both fakes, and what happens there."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from sqlalchemy import or_, select, update

from tests.backend.asking import eventually
from tests.backend.providers.contract import SECRET
from tests.backend.server import Person, client
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux, signed
from uploader.backend import following
from uploader.backend.context import Backend
from uploader.backend.provider_config import CloudflareConfig, MuxConfig
from uploader.backend.providers import MakeProvider
from uploader.backend.providers.cloudflare.provider import CloudflareProvider
from uploader.backend.providers.local.provider import LocalProvider
from uploader.backend.providers.mux.provider import MuxProvider
from uploader.backend.store.models import JobRow, Video, now

FOLLOWING = JobRow.kind.startswith("follow_")

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

    def received(self, upload_id: str) -> bytes:
        """What the provider got."""
        upload = self.mux.uploads.get(upload_id) or self.cloudflare.videos[upload_id]
        return bytes(upload.data)

    def let_time_pass(self, by: timedelta = timedelta(seconds=11)) -> None:
        """For all that the server remembers of its looks. Eleven seconds later the next status may ask again."""
        with self.backend.database.write() as session:
            for video in session.scalars(select(Video)):
                video.created_at -= by
                video.looked_at = video.looked_at and video.looked_at - by
                video.look_after = video.look_after and video.look_after - by

    def hold_still(self) -> None:
        """From now on the job that follows videos runs only by `follow`."""
        eventually(lambda: not self._jobs(now()))
        self._plan(now() + timedelta(days=1))

    def stop_time(self) -> None:
        """However slow this machine is, nobody may ask about what has been asked about or made by now."""
        self.let_time_pass(-timedelta(minutes=5))

    def follow(self) -> tuple[timedelta, timedelta]:
        """One round of each job; how long until the chosen provider's would come again: at least, at most."""
        begun = now()
        self._plan(begun)
        eventually(lambda: not self._jobs(begun), within=60)
        with self.backend.database.read() as session:
            key = following.kind(self.backend.provider.name)
            again = session.scalars(select(JobRow.run_at).where(JobRow.key == key)).one()
        self._plan(begun + timedelta(days=1))
        return again - now(), again - begun

    def _jobs(self, before: datetime) -> list[JobRow]:
        """Those that are to run, or run now."""
        at_work = or_(JobRow.run_at <= before, JobRow.lease_until.is_not(None))
        with self.backend.database.read() as session:
            return list(session.scalars(select(JobRow).where(FOLLOWING, at_work)))

    def _plan(self, at: datetime) -> None:
        with self.backend.database.write() as session:
            session.execute(update(JobRow).where(FOLLOWING).values(run_at=at))

    def hear(self, headers: dict[str, str], body: bytes) -> httpx.Response:
        with client(self.backend) as sender:
            return sender.post("/api/webhooks/video-processing", content=body, headers=headers)

    def tell_mux(self, kind: str, upload_id: str) -> None:
        assert self.hear(*signed(self.mux.event(kind, upload_id), SECRET)).status_code == 200


def makers(cloudflare: FakeCloudflare, mux: FakeMux) -> dict[str, MakeProvider]:
    """All three providers, the two before the fakes."""
    ours = CloudflareConfig(ACCOUNT, TOKEN, (SECRET,), api=cloudflare.api)
    theirs = MuxConfig(TOKEN_ID, TOKEN_SECRET, (SECRET,), api=mux.url)
    return {
        "local": LocalProvider,
        "cloudflare": lambda *_: CloudflareProvider(ours, pause=0.001),
        "mux": lambda *_: MuxProvider(theirs, 3600, pause=0.001),
    }


def state_of(place: Elsewhere, video_id: str) -> str:
    """As the database has it: nobody asks anybody."""
    with place.backend.database.read() as session:
        return session.get_one(Video, video_id).status


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
    """All bytes came, and the provider has made the video. That Mux's upload is an asset by now was seen before."""
    if upload_id in place.mux.uploads:
        upload = place.mux.arrive(upload_id)
        upload.asset = "ready"
        noted = update(Video).where(Video.provider_upload_id == upload_id)
        with place.backend.database.write() as session:
            session.execute(noted.values(provider_asset_id=upload.asset_id, updated_at=Video.updated_at))
    else:
        place.cloudflare.move(upload_id, "ready", "100.000000")


def tell_ready(place: Elsewhere, upload_id: str) -> httpx.Response:
    if upload_id in place.mux.uploads:
        event = place.mux.event("video.asset.ready", upload_id) | {"id": f"ready {upload_id}"}
        return place.hear(*signed(event, SECRET))
    return place.hear(*place.cloudflare.news(upload_id, SECRET))
