import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from tests.backend.providers.contract import SECRET, RemoteContract, an_order, sight_of
from tests.fakes.mux_api import CREDENTIALS, TOKEN_ID, TOKEN_SECRET, FakeMux, signed
from tests.needs import need_program
from uploader.backend.provider_config import MuxConfig
from uploader.backend.providers.base import Order, Sight
from uploader.backend.providers.mux.provider import LIFE, MuxProvider

pytestmark = pytest.mark.one_database("what goes to a provider and comes from it; no rows")

ROTATION = (SECRET, "the next secret of the provider")


@dataclass
class MuxStage:
    """The fake behind our provider."""

    fake: FakeMux
    provider: MuxProvider
    elsewhere: bool = True

    def order(self, **changed: object) -> Order:
        return an_order(**changed)

    def holds(self, upload_id: str) -> bool:
        upload = self.fake.uploads.get(upload_id)
        return upload is not None and upload.status != "cancelled" and upload.asset != "deleted"

    def arrive(self, upload_id: str) -> None:
        self.fake.arrive(upload_id)

    def work(self, upload_id: str) -> None:
        self.fake.uploads[upload_id].progress = ("transcoding", 39)

    def finish(self, upload_id: str) -> None:
        self.fake.uploads[upload_id].asset = "ready"

    def spoil(self, upload_id: str) -> None:
        upload = self.fake.uploads[upload_id]
        upload.asset, upload.message = "errored", "It is a text file."

    def lose(self, upload_id: str) -> None:
        del self.fake.uploads[upload_id]

    def refuse(self, *refusals: tuple[int, dict[str, str], bytes]) -> None:
        self.fake.refusals.extend(refusals)

    def asked(self) -> int:
        return len(self.fake.asked)

    def news(self, upload_id: str, secret: str = SECRET, moment: datetime | None = None) -> tuple[str, bytes]:
        event = self.fake.event("video.upload.asset_created", upload_id) | {"id": f"created {upload_id}"}
        headers, body = signed(event, secret, moment)
        return headers["Mux-Signature"], body


@pytest.fixture(scope="module")
def mux() -> Iterator[FakeMux]:
    with FakeMux().running() as fake:
        yield fake


@pytest.fixture
def fake(mux: FakeMux) -> FakeMux:
    mux.refusals.clear()
    mux.asked.clear()
    mux.takes = None
    return mux


@pytest.fixture
def stage(fake: FakeMux) -> MuxStage:
    config = MuxConfig(TOKEN_ID, TOKEN_SECRET, ROTATION, "plus", api=fake.url)
    return MuxStage(fake, MuxProvider(config, 3600, "https://videos.example", pause=0.001))


class TestMux(RemoteContract):
    no = b'{"error":{"type":"invalid_parameters","messages":["Storage capacity exceeded"]}}'

    def signature(self, body: bytes) -> str:
        return signed(body, SECRET)[0]["Mux-Signature"]


def test_an_upload_is_ordered_as_documented(stage: MuxStage):
    order = stage.order(metadata={"passthrough": "not this"})
    grant = stage.provider.grant(order)
    [asked] = stage.fake.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/video/v1/uploads", "")
    assert asked.headers["authorization"] == CREDENTIALS
    assert json.loads(asked.body) == {
        "cors_origin": "https://videos.example",
        "timeout": 604800,
        "new_asset_settings": {
            "playback_policies": ["public"],
            "video_quality": "plus",
            "static_renditions": [{"resolution": "highest"}],
            "passthrough": order.video_id,
        },
    }
    assert abs(grant.expires_at - datetime.now(UTC) - LIFE).total_seconds() < 60
    assert grant.protocol == "content_range"


def test_bytes_travel_in_ranges_and_what_is_not_committed_is_sent_again(stage: MuxStage):
    size = 3 * 262_144 + 5
    grant = stage.provider.grant(stage.order(file_size=size))
    stage.fake.takes = 2 * 262_144
    with httpx.Client(trust_env=False) as client:

        def put(first: int, length: int) -> httpx.Response:
            part = f"bytes {first}-{first + length - 1}/{size}" if length else f"bytes */{size}"
            return client.put(grant.upload_url, content=bytes(length), headers={"Content-Range": part})

        nothing = put(0, 0)
        assert (nothing.status_code, nothing.headers.get("range")) == (308, None)
        assert put(0, 1000).status_code == 400, "not a multiple"
        assert put(0, 3 * 262_144).headers["range"] == "bytes=0-524287", "less than was sent"
        assert sight_of(stage, grant.upload_id).state == "uploading"
        assert put(2 * 262_144, size - 2 * 262_144).status_code == 200
        assert put(0, 0).status_code == 200
    assert sight_of(stage, grant.upload_id).state == "processing"


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("cancelled", "cancelled", None),
        ("timed_out", "error", "upload_expired"),
        ("errored", "error", "processing_failed"),
    ],
)
def test_an_upload_that_ends_without_an_asset_ends_the_video(
    status: str, state: str, code: str | None, stage: MuxStage
):
    upload_id = stage.provider.grant(stage.order()).upload_id
    stage.fake.uploads[upload_id].status = status
    sight = sight_of(stage, upload_id)
    assert (sight.state, sight.error_code) == (state, code)


def test_ready_names_asset_playback_and_picture_size(stage: MuxStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    asset_id = stage.fake.arrive(upload_id).asset_id
    stage.finish(upload_id)
    assert sight_of(stage, upload_id) == Sight(
        "ready",
        playback_url=f"https://stream.mux.com/public-of-{asset_id}.m3u8",
        thumbnail_url=f"https://image.mux.com/public-of-{asset_id}/thumbnail.jpg",
        duration=23.87,
        width=1920,
        height=1080,
        best_height=1080,
        asset_id=asset_id,
        playback_id=f"public-of-{asset_id}",
    )


def test_a_look_is_one_call_also_when_the_upload_has_become_an_asset(stage: MuxStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    asset_id = stage.fake.arrive(upload_id).asset_id
    stage.finish(upload_id)
    stage.fake.asked.clear()
    assert stage.provider.look(upload_id) == Sight("processing", asset_id=asset_id)
    assert [asked.path for asked in stage.fake.asked] == [f"/video/v1/uploads/{upload_id}"]
    stage.fake.asked.clear()
    sight = stage.provider.look(upload_id, asset_id)
    assert sight is not None
    assert sight.state == "ready"
    assert [asked.path for asked in stage.fake.asked] == [f"/video/v1/assets/{asset_id}"]


def test_a_video_that_is_too_long_fails_here_because_mux_takes_any(stage: MuxStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    stage.fake.arrive(upload_id).duration = 3700
    stage.finish(upload_id)
    assert sight_of(stage, upload_id).error_code == "video_too_long"


def test_forgetting_cancels_what_waits_and_deletes_what_came(stage: MuxStage):
    waiting, came = (stage.provider.grant(stage.order()).upload_id for _ in range(2))
    stage.fake.arrive(came)
    stage.provider.forget(waiting)
    stage.provider.forget(came)
    assert stage.fake.uploads[waiting].status == "cancelled"
    assert stage.fake.uploads[came].asset == "deleted"


def test_an_upload_that_becomes_an_asset_while_it_is_cancelled_is_deleted(stage: MuxStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    waiting = json.dumps({"data": stage.fake.shown_upload(upload_id)}).encode()
    stage.fake.arrive(upload_id)
    stage.refuse((200, {}, waiting))
    stage.provider.forget(upload_id)
    assert stage.fake.uploads[upload_id].asset == "deleted"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("video.upload.asset_created", "processing"),
        ("video.asset.created", "ready"),
        ("video.asset.ready", "ready"),
        ("video.asset.updated", "ready"),
        ("video.asset.deleted", "error"),
        ("video.asset.static_renditions.ready", None),
        ("video.upload.created", None),
        ("video.live_stream.idle", None),
    ],
)
def test_events_of_uploads_and_assets_are_understood_and_all_others_taken(
    kind: str, state: str | None, stage: MuxStage
):
    order = stage.order()
    upload_id = stage.provider.grant(order).upload_id
    stage.arrive(upload_id)
    stage.finish(upload_id)
    headers, body = signed(stage.fake.event(kind, upload_id), SECRET)
    news = stage.provider.hear(headers["Mux-Signature"], body, datetime.now(UTC))
    assert (news.sight.state if news.sight else None) == state
    if state is not None:
        assert (news.video_id, news.upload_id) == (order.video_id, upload_id)


def test_of_several_signatures_one_that_fits_is_enough(stage: MuxStage):
    body = b'{"type":"video.live_stream.idle","id":"1"}'
    time, _, good = signed(body, SECRET)[0]["Mux-Signature"].partition(",")
    now = datetime.now(UTC)
    assert stage.provider.hear(f"{time},v1={'0' * 64},{good}", body, now).event_id == "1"


def test_signatures_are_what_openssl_makes(stage: MuxStage):
    openssl = need_program("openssl")
    body, time = b'{"type":"x","id":"\xc3\xbc"}\n', int(datetime.now(UTC).timestamp())
    command = [openssl, "dgst", "-sha256", "-hmac", SECRET]
    said = subprocess.run(command, input=b"%d." % time + body, capture_output=True, check=True).stdout.decode()
    assert stage.provider.hear(f"t={time},v1={said.split()[-1]}", body, datetime.now(UTC)).event_id == "ü"
