import base64
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.backend.providers.contract import SECRET, RemoteContract, an_order, sight_of
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from tests.needs import need_program
from uploader.backend.provider_config import CloudflareConfig
from uploader.backend.providers.base import Order, ProviderFailed
from uploader.backend.providers.cloudflare.provider import LIFE, CloudflareProvider
from uploader.backend.webhooks import sign_timed

pytestmark = pytest.mark.one_database("what goes to a provider and comes from it; no rows")

ROTATION = (SECRET, "the next secret of the provider")


def config(fake: FakeCloudflare, *, basic_upload: bool = False, customer_host: str | None = None) -> CloudflareConfig:
    return CloudflareConfig(ACCOUNT, TOKEN, ROTATION, customer_host, basic_upload, api=fake.api)


@dataclass
class CloudflareStage:
    """The fake behind our provider."""

    fake: FakeCloudflare
    provider: CloudflareProvider
    elsewhere: bool = True

    def order(self, **changed: object) -> Order:
        return an_order(**changed)

    def holds(self, upload_id: str) -> bool:
        return upload_id in self.fake.videos

    def arrive(self, upload_id: str) -> None:
        self.fake.move(upload_id, "queued")

    def work(self, upload_id: str) -> None:
        self.fake.move(upload_id, "inprogress", "39.000000")

    def finish(self, upload_id: str) -> None:
        self.fake.move(upload_id, "ready", "39.000000")

    def spoil(self, upload_id: str) -> None:
        self.fake.move(upload_id, "error", "39", "ERR_UNKNOWN", "It is a text file.")

    def lose(self, upload_id: str) -> None:
        del self.fake.videos[upload_id]

    def refuse(self, *refusals: tuple[int, dict[str, str], bytes]) -> None:
        self.fake.refusals.extend(refusals)

    def asked(self) -> int:
        return len(self.fake.asked)

    def news(self, upload_id: str, secret: str = SECRET, moment: datetime | None = None) -> tuple[str, bytes]:
        headers, body = self.fake.news(upload_id, secret, moment)
        return headers["Webhook-Signature"], body


@pytest.fixture(scope="module")
def cloudflare() -> Iterator[FakeCloudflare]:
    with FakeCloudflare().running() as fake:
        yield fake


@pytest.fixture
def fake(cloudflare: FakeCloudflare) -> FakeCloudflare:
    cloudflare.refusals.clear()
    cloudflare.asked.clear()
    cloudflare.location_host, cloudflare.old_spelling = None, False
    cloudflare.hook = None
    return cloudflare


@pytest.fixture
def stage(fake: FakeCloudflare) -> CloudflareStage:
    return CloudflareStage(fake, CloudflareProvider(config(fake), pause=0.001))


class TestCloudflare(RemoteContract):
    no = (
        b'{"success":false,"errors":[{"code":10011,"message":"Storage capacity exceeded"}],"messages":[],"result":null}'
    )

    def signature(self, body: bytes) -> str:
        time = int(datetime.now(UTC).timestamp())
        return f"time={time},sig1={sign_timed(SECRET, time, body)}"


def test_a_tus_upload_is_ordered_as_documented(stage: CloudflareStage):
    order = stage.order(file_size=524_288_000, metadata={"name": "not this", "requiresignedurls": "", "x": "y"})
    grant = stage.provider.grant(order)
    [asked] = stage.fake.asked
    assert (asked.method, asked.path) == ("POST", f"/client/v4/accounts/{ACCOUNT}/stream")
    assert (asked.query, asked.body, asked.headers["content-length"]) == ("direct_user=true", b"", "0")
    assert asked.headers["upload-length"] == "524288000"
    assert asked.headers["upload-creator"] == "ann"
    pairs = dict(pair.split(" ") for pair in asked.headers["upload-metadata"].split(","))
    told = {key: base64.b64decode(value).decode() for key, value in pairs.items()}
    expiry = told.pop("expiry")
    assert told == {"name": "Ünser Film, 1.mp4", "videoId": order.video_id, "maxDurationSeconds": "3600"}
    assert grant.upload_id in stage.fake.videos
    assert grant.upload_url.endswith(f"/tus/{grant.upload_id}?tusv2=true"), "verbatim, with its query"
    assert grant.expires_at == datetime.fromisoformat(expiry)
    assert grant.expires_at - datetime.now(UTC) <= LIFE <= timedelta(hours=5, minutes=50)


@pytest.mark.parametrize(
    "host",
    [
        "https://edge-production.gateway.api.cloudflare.com",
        "http://api.cloudflare.com",
        "ftp://upload.example",
        "http://127.0.0.1:1/client/v4/accounts",
    ],
)
def test_an_address_that_would_need_our_token_is_refused(host: str, stage: CloudflareStage):
    stage.fake.location_host = host
    with pytest.raises(ProviderFailed, match="our own credentials"):
        stage.provider.grant(stage.order())


def test_bytes_travel_by_the_granted_rules_without_our_token(stage: CloudflareStage):
    rules = stage.provider.grant(stage.order()).chunk
    size = rules.min + rules.multiple + 5
    grant = stage.provider.grant(stage.order(file_size=size))
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    with httpx.Client(trust_env=False, headers=tus) as client:
        for length, expected in [(rules.multiple, 400), (rules.min + 1, 400), (rules.min, 204)]:
            reply = client.patch(grant.upload_url, content=bytes(length), headers={"Upload-Offset": "0"})
            assert reply.status_code == expected
        assert sight_of(stage, grant.upload_id).state == "uploading"
        rest = client.patch(
            grant.upload_url, content=bytes(size - rules.min), headers={"Upload-Offset": str(rules.min)}
        )
        assert (rest.status_code, rest.headers["upload-offset"]) == (204, str(size))
    assert sight_of(stage, grant.upload_id).state == "processing"


def test_small_files_go_in_one_form_where_the_operator_wants_that(fake: FakeCloudflare):
    provider = CloudflareProvider(config(fake, basic_upload=True))
    assert provider.protocols == ("tus", "form")
    grant = provider.grant(an_order())
    assert grant.protocol == "form"
    assert httpx.post(grant.upload_url, files={"file": ("x.mp4", b"abc")}, trust_env=False).status_code == 200
    assert fake.videos[grant.upload_id].state == "queued"
    assert provider.grant(an_order(file_size=190_000_001)).protocol == "tus"


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("ERR_NON_VIDEO", "not_a_video"),
        ("ERR_DURATION_EXCEED_CONSTRAINT", "video_too_long"),
        ("ERR_MALFORMED_VIDEO", "media_failed"),
        ("ERR_DURATION_TOO_SHORT", "video_too_short"),
        ("ERR_SOMETHING_NEW", "processing_failed"),
        ("", "processing_failed"),
    ],
)
def test_both_spellings_of_an_error_are_understood(code: str, ours: str, old: bool, stage: CloudflareStage):
    stage.fake.old_spelling = old
    upload_id = stage.provider.grant(stage.order()).upload_id
    stage.fake.move(upload_id, "error", "39", code, "Why it failed.")
    sight = sight_of(stage, upload_id)
    assert (sight.state, sight.error_code, sight.error) == ("error", ours, "Why it failed.")


@pytest.mark.parametrize("state", ["downloading", "queued", "inprogress", "live-inprogress", "a-new-one"])
def test_every_state_between_is_processing_and_minus_one_means_unknown(state: str, stage: CloudflareStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    stage.fake.move(upload_id, state, "high")
    sight = sight_of(stage, upload_id)
    assert (sight.state, sight.percent, sight.duration, sight.width) == ("processing", None, None, None)


def test_ready_means_that_it_plays(stage: CloudflareStage):
    upload_id = stage.provider.grant(stage.order()).upload_id
    stage.finish(upload_id)
    stage.fake.videos[upload_id].playable = False
    assert sight_of(stage, upload_id).state == "processing"
    stage.fake.videos[upload_id].playable = True
    sight = sight_of(stage, upload_id)
    assert (sight.state, sight.duration, sight.width, sight.height) == ("ready", 5.5, 560, 320)


def test_players_are_sent_to_the_operators_own_subdomain(fake: FakeCloudflare):
    hls = "https://customer-a.cloudflarestream.com/uid/manifest/video.m3u8"
    plain = CloudflareProvider(config(fake)).addresses("v", hls, None)
    assert (plain.playback_url, plain.watch_url) == (hls, "https://customer-a.cloudflarestream.com/uid/watch")
    own = CloudflareProvider(config(fake, customer_host="customer-b.cloudflarestream.com"))
    assert own.addresses("v", hls, None).watch_url == "https://customer-b.cloudflarestream.com/uid/watch"


def test_a_webhook_is_registered_and_its_secret_returned(stage: CloudflareStage):
    assert stage.provider.webhook() is None
    hook = stage.provider.register_webhook("https://videos.example/api/webhooks/video-processing")
    assert stage.fake.hook is not None
    assert hook.notification_url == "https://videos.example/api/webhooks/video-processing"
    assert (hook.notification_url, hook.secret) == (stage.fake.hook["notificationUrl"], stage.fake.hook["secret"])
    assert stage.provider.webhook() == hook
    assert hook.secret not in repr(hook)
    with pytest.raises(ProviderFailed, match="notificationUrl"):
        stage.provider.register_webhook("http://localhost/")


def test_signatures_are_what_openssl_makes(stage: CloudflareStage):
    openssl = need_program("openssl")
    body, time = b'{"uid":"\xc3\xbc"}\n', int(datetime.now(UTC).timestamp())
    command = [openssl, "dgst", "-sha256", "-hmac", SECRET]
    said = subprocess.run(command, input=b"%d." % time + body, capture_output=True, check=True).stdout.decode()
    made = said.split()[-1]
    heard = stage.provider.hear(f"time={time},sig1={made}", body, datetime.now(UTC))
    assert heard.upload_id == "ü"
