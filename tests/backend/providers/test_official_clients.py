"""Our requests beside those of the providers' own client libraries, and our fakes' answers read by them."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence

import httpx
import mux_python
import pytest
from cloudflare import Cloudflare, NotFoundError
from cloudflare.resources.stream import StreamResource
from mux_python.rest import ApiException

from tests.backend.providers.contract import an_order
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, Asked, FakeCloudflare
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux
from uploader.backend.provider_config import CloudflareConfig, MuxConfig
from uploader.backend.providers.cloudflare.provider import CloudflareProvider
from uploader.backend.providers.mux.provider import MuxProvider

pytestmark = pytest.mark.one_database("what goes to a provider and comes from it; no rows")

ORDER = an_order(file_size=524_288_000)


@pytest.fixture(scope="module")
def cloudflare() -> Iterator[FakeCloudflare]:
    with FakeCloudflare().running() as fake:
        yield fake


@pytest.fixture(scope="module")
def mux() -> Iterator[FakeMux]:
    with FakeMux().running() as fake:
        yield fake


@pytest.fixture
def stream(cloudflare: FakeCloudflare) -> Iterator[StreamResource]:
    """Cloudflare's own client; it refuses answers that are not of its schema."""
    cloudflare.asked.clear()
    with (
        httpx.Client(trust_env=False) as http,
        Cloudflare(
            api_token=TOKEN,
            base_url=cloudflare.api,
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client.stream


@pytest.fixture
def theirs(mux: FakeMux) -> Iterator[mux_python.ApiClient]:
    """Mux's own client."""
    mux.asked.clear()
    configuration = mux_python.Configuration(host=mux.url, username=TOKEN_ID, password=TOKEN_SECRET)
    configuration.proxy = None
    client = mux_python.ApiClient(configuration)
    yield client
    client.rest_client.pool_manager.clear()
    client.close()


def ours(cloudflare: FakeCloudflare, *, basic: bool = False) -> CloudflareProvider:
    return CloudflareProvider(CloudflareConfig(ACCOUNT, TOKEN, basic_upload=basic, api=cloudflare.api))


def my_mux(mux: FakeMux) -> MuxProvider:
    return MuxProvider(MuxConfig(TOKEN_ID, TOKEN_SECRET, api=mux.url), 3600)


def same(asked: Sequence[Asked], *headers: str) -> None:
    """Method, path, query, the named headers and what the JSON means."""
    one, other = asked
    assert (one.method, one.path, one.query) == (other.method, other.path, other.query)
    for name in ("authorization", *headers):
        assert one.headers.get(name) == other.headers.get(name), name
    assert (json.loads(one.body) if one.body else None) == (json.loads(other.body) if other.body else None)


def test_cloudflare_is_asked_for_tus_as_its_own_client_does(stream: StreamResource, cloudflare: FakeCloudflare):
    ours(cloudflare).grant(ORDER)
    metadata = cloudflare.asked[0].headers["upload-metadata"]
    reply = stream.with_raw_response.create(
        account_id=ACCOUNT,
        tus_resumable="1.0.0",
        upload_length=ORDER.file_size,
        direct_user=True,
        upload_creator=ORDER.user_id,
        upload_metadata=metadata,
    )
    assert reply.headers["stream-media-id"] in reply.headers["location"]
    same(cloudflare.asked, "tus-resumable", "upload-length", "upload-creator", "upload-metadata", "content-length")


def test_cloudflare_is_asked_for_a_form_as_its_own_client_does(stream: StreamResource, cloudflare: FakeCloudflare):
    order = an_order()
    ours(cloudflare, basic=True).grant(order)
    expiry = json.loads(cloudflare.asked[0].body)["expiry"]
    made = stream.direct_upload.create(
        account_id=ACCOUNT,
        max_duration_seconds=order.max_duration,
        creator=order.user_id,
        expiry=expiry,
        meta={"name": order.filename, "videoId": order.video_id},
    )
    assert made.uid in made.upload_url
    same(cloudflare.asked, "content-type")


def test_cloudflare_is_asked_how_a_video_is_and_to_delete_it_as_its_own_client_does(
    stream: StreamResource, cloudflare: FakeCloudflare
):
    provider = ours(cloudflare)
    upload_id = provider.grant(ORDER).upload_id
    cloudflare.asked.clear()
    provider.look(upload_id)
    stream.get(upload_id, account_id=ACCOUNT)
    same(cloudflare.asked)
    cloudflare.asked.clear()
    both = [upload_id, provider.grant(ORDER).upload_id]
    cloudflare.asked.clear()
    assert set(provider.look_together(both)) == set(both)
    assert {video.uid for video in stream.list(account_id=ACCOUNT, id=",".join(both))} == set(both)
    same(cloudflare.asked)
    cloudflare.asked.clear()
    provider.forget(upload_id)
    stream.delete(provider.grant(ORDER).upload_id, account_id=ACCOUNT)
    first, _, second = cloudflare.asked
    second.path = second.path.rpartition("/")[0] + f"/{upload_id}"
    same([first, second])
    with pytest.raises(NotFoundError):
        stream.get("f" * 32, account_id=ACCOUNT)


def test_cloudflare_is_given_a_webhook_as_its_own_client_does(stream: StreamResource, cloudflare: FakeCloudflare):
    url = "https://videos.example/api/webhooks/video-processing"
    ours(cloudflare).register_webhook(url)
    stream.webhooks.update(account_id=ACCOUNT, extra_body={"notificationUrl": url})
    same(cloudflare.asked, "content-type")
    cloudflare.asked.clear()
    ours(cloudflare).webhook()
    stream.webhooks.get(account_id=ACCOUNT)
    same(cloudflare.asked)


def test_cloudflare_is_asked_for_private_videos_and_a_key_as_its_own_client_does(
    stream: StreamResource, cloudflare: FakeCloudflare
):
    config = CloudflareConfig(ACCOUNT, TOKEN, basic_upload=True, api=cloudflare.api)
    provider = CloudflareProvider(config, signed=True)
    order = an_order()
    upload_id = provider.grant(order).upload_id
    stream.direct_upload.create(
        account_id=ACCOUNT,
        max_duration_seconds=order.max_duration,
        creator=order.user_id,
        expiry=json.loads(cloudflare.asked[0].body)["expiry"],
        meta={"name": order.filename, "videoId": order.video_id},
        require_signed_urls=True,
    )
    same(cloudflare.asked, "content-type")
    cloudflare.move(upload_id, "ready")
    cloudflare.videos[upload_id].private = False
    cloudflare.asked.clear()
    provider.look(upload_id)
    edited = stream.edit(upload_id, account_id=ACCOUNT, require_signed_urls=True, uid=upload_id)
    assert edited.require_signed_urls
    same(cloudflare.asked[1:], "content-type")
    cloudflare.asked.clear()
    assert all(provider.make_signing_key())
    assert stream.keys.create(account_id=ACCOUNT).pem
    same(cloudflare.asked)


@pytest.mark.parametrize("state", ["pendingupload", "downloading", "queued", "inprogress", "ready", "error"])
def test_what_the_fake_cloudflare_says_is_of_their_schema(
    state: str, stream: StreamResource, cloudflare: FakeCloudflare
):
    upload_id = ours(cloudflare).grant(ORDER).upload_id
    cloudflare.move(upload_id, state, "39.000000", "ERR_UNKNOWN" if state == "error" else "")
    video = stream.get(upload_id, account_id=ACCOUNT)
    assert (video.uid, video.status.state, video.status.pct_complete) == (upload_id, state, "39.000000")
    assert video.ready_to_stream == (state == "ready")


def test_mux_is_asked_for_an_upload_as_its_own_client_does(theirs: mux_python.ApiClient, mux: FakeMux):
    my_mux(mux).grant(ORDER)
    settings = mux_python.CreateAssetRequest(
        playback_policies=["public"],
        video_quality="basic",
        static_renditions=[mux_python.CreateStaticRenditionRequest(resolution="highest")],
        passthrough=ORDER.video_id,
        normalize_audio=None,
        copy_overlays=None,
    )
    wanted = mux_python.CreateUploadRequest(cors_origin="*", timeout=604800, new_asset_settings=settings, test=None)
    made = mux_python.DirectUploadsApi(theirs).create_direct_upload(wanted).data
    assert (made.status, made.asset_id) == ("waiting", None)
    assert made.id in made.url
    assert base64.b64decode(mux.asked[0].headers["authorization"].removeprefix("Basic ")).decode().count(":") == 1
    same(mux.asked, "content-type")


@pytest.mark.parametrize("call", ["look", "cancel", "delete"])
def test_mux_is_asked_about_uploads_and_assets_as_its_own_client_does(
    call: str, theirs: mux_python.ApiClient, mux: FakeMux
):
    provider, uploads, assets = my_mux(mux), mux_python.DirectUploadsApi(theirs), mux_python.AssetsApi(theirs)
    upload_id = provider.grant(ORDER).upload_id
    asset_id = mux.arrive(upload_id).asset_id if call != "cancel" else None
    steps: dict[str, tuple[Callable[[str], object], list[Callable[[], object]]]] = {
        "look": (
            lambda upload_id: (provider.look(upload_id), provider.look(upload_id, asset_id)),
            [lambda: uploads.get_direct_upload(upload_id), lambda: assets.get_asset(asset_id)],
        ),
        "cancel": (
            provider.forget,
            [lambda: uploads.get_direct_upload(upload_id), lambda: uploads.cancel_direct_upload(upload_id)],
        ),
        "delete": (
            provider.forget,
            [lambda: uploads.get_direct_upload(upload_id), lambda: assets.delete_asset(asset_id)],
        ),
    }
    our_way, their_way = steps[call]
    before = json.dumps([vars(one) for one in mux.uploads.values()], default=str)
    mux.asked.clear()
    our_way(upload_id)
    changed = mux.uploads[upload_id]
    vars(changed).update(status="asset_created" if asset_id else "waiting", asset="preparing")
    assert json.dumps([vars(one) for one in mux.uploads.values()], default=str) == before
    for step in their_way:
        step()
    first, second, third, fourth = mux.asked
    same([first, third])
    same([second, fourth])


@pytest.mark.parametrize("state", ["preparing", "ready", "errored"])
def test_what_the_fake_mux_says_is_of_their_models(state: str, theirs: mux_python.ApiClient, mux: FakeMux):
    upload_id = my_mux(mux).grant(ORDER).upload_id
    asset_id = mux.arrive(upload_id).asset_id
    mux.uploads[upload_id].asset = state
    upload = mux_python.DirectUploadsApi(theirs).get_direct_upload(upload_id).data
    assert (upload.status, upload.asset_id) == ("asset_created", asset_id)
    asset = mux_python.AssetsApi(theirs).get_asset(asset_id).data
    assert (asset.status, asset.upload_id, asset.passthrough) == (state, upload_id, ORDER.video_id)
    assert (asset.errors is not None) == (state == "errored")
    with pytest.raises(ApiException):
        mux_python.AssetsApi(theirs).get_asset("nothing")
