"""Private videos: ordered as such, confirmed as such, and played by tokens that are made for each reading."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.backend.asking import eventually, new_video, status_of
from tests.backend.providers.contract import SECRET, an_order
from tests.backend.providers.elsewhere import ENVIRON, Elsewhere, finish, state_of, tell_ready
from tests.backend.server import serving, signed_in
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux
from uploader.backend.playback_key import LIFE, PlaybackKey, read_key
from uploader.backend.provider_config import CloudflareConfig, MuxConfig
from uploader.backend.providers import MakeProvider
from uploader.backend.providers.base import Addresses
from uploader.backend.providers.cloudflare.provider import CloudflareProvider
from uploader.backend.providers.mux.provider import MuxProvider
from uploader.backend.store.models import Video

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HLS = "https://customer-a.cloudflarestream.com/the-uid/manifest/video.m3u8"
PICTURE = "https://customer-a.cloudflarestream.com/the-uid/thumbnails/thumbnail.jpg"


@pytest.fixture(scope="module")
def key() -> PlaybackKey:
    return read_key("the-key", RSAKey.generate_key(2048).as_pem(private=True).decode())


def claims(key: PlaybackKey, token: str) -> dict[str, Any]:
    """What a token says, if this key signed it."""
    read = jwt.decode(token, key.private, algorithms=["RS256"])
    assert read.header["kid"] == read.claims.pop("kid") == "the-key"
    return dict(read.claims)


def of_cloudflare(fake: FakeCloudflare, key: PlaybackKey | None, **how: Any) -> CloudflareProvider:  # noqa: ANN401
    basic = how.pop("basic_upload", False)
    config = CloudflareConfig(ACCOUNT, TOKEN, (SECRET,), basic_upload=basic, signing=key, api=fake.api)
    return CloudflareProvider(config, signed=True, pause=0.001, **how)


def of_mux(fake: FakeMux, key: PlaybackKey | None, **how: Any) -> MuxProvider:  # noqa: ANN401
    config = MuxConfig(TOKEN_ID, TOKEN_SECRET, (SECRET,), signing=key, api=fake.url)
    return MuxProvider(config, 3600, signed=True, **how)


@pytest.mark.parametrize("basic", [False, True])
def test_cloudflare_is_ordered_to_require_tokens(basic: bool, cloudflare: FakeCloudflare, key: PlaybackKey):
    upload_id = of_cloudflare(cloudflare, key, basic_upload=basic).grant(an_order()).upload_id
    assert cloudflare.videos[upload_id].private
    if not basic:
        pairs = cloudflare.asked[0].headers["upload-metadata"].split(",")
        assert "requiresignedurls" in pairs, "a flag without a value: any value would mean yes"


def test_a_cloudflare_video_that_came_out_public_is_made_private_before_it_is_ready(
    cloudflare: FakeCloudflare, key: PlaybackKey
):
    provider = of_cloudflare(cloudflare, key)
    cloudflare.forgets_privacy = True
    upload_id = provider.grant(an_order()).upload_id
    cloudflare.move(upload_id, "ready")
    assert provider.look_together([upload_id]) == {}, "not said of many"
    sight = provider.look(upload_id)
    assert sight is not None
    assert (sight.state, sight.signed, cloudflare.videos[upload_id].private) == ("ready", True, True)
    cloudflare.keeps_public = True
    cloudflare.videos[upload_id].private = False
    sight = provider.look(upload_id)
    assert sight is not None
    assert (sight.state, sight.error_code) == ("error", "video_not_private")


def test_a_mux_video_with_a_public_address_is_never_ready(mux: FakeMux, key: PlaybackKey):
    provider = of_mux(mux, key)
    upload_id = provider.grant(an_order()).upload_id
    assert json.loads(mux.asked[0].body)["new_asset_settings"]["playback_policies"] == ["signed"]
    upload = mux.arrive(upload_id)
    upload.asset = "ready"
    sight = provider.look(upload_id, upload.asset_id)
    assert sight is not None
    assert (sight.state, sight.signed, sight.playback_id) == ("ready", True, f"signed-of-{upload.asset_id}")
    for policies in (["public"], ["signed", "public"], []):
        upload.settings["playback_policies"] = policies
        sight = provider.look(upload_id, upload.asset_id)
        assert sight is not None
        assert (sight.state, sight.error_code) == ("error", "video_not_private")


def test_at_cloudflare_a_token_takes_the_place_of_the_videos_id(cloudflare: FakeCloudflare, key: PlaybackKey):
    found = of_cloudflare(cloudflare, key, clock=lambda: NOON).addresses("v", HLS, PICTURE, signed=True)
    token = urlsplit(found.playback_url or "").path.split("/")[1]
    assert claims(key, token) == {"sub": "the-uid", "exp": int((NOON + LIFE).timestamp())}
    assert found == Addresses(
        HLS.replace("the-uid", token),
        PICTURE.replace("the-uid", token),
        f"https://customer-a.cloudflarestream.com/{token}/watch",
    )


def test_at_mux_a_token_for_each_use_is_added(mux: FakeMux, key: PlaybackKey):
    hls, picture = "https://stream.mux.com/abc.m3u8", "https://image.mux.com/abc/thumbnail.jpg"
    provider = of_mux(mux, key, clock=lambda: NOON)
    found = provider.addresses("v", hls, picture, signed=True)
    player = parse_qs(urlsplit(found.watch_url or "").query)
    exp = int((NOON + LIFE).timestamp())
    for url, bare, audience, name in (
        (found.playback_url, hls, "v", "playback-token"),
        (found.thumbnail_url, picture, "t", "thumbnail-token"),
    ):
        assert url is not None
        [token] = parse_qs(urlsplit(url).query)["token"]
        assert url == f"{bare}?token={token}"
        assert claims(key, token) == {"sub": "abc", "aud": audience, "exp": exp}
        assert player[name] == [token]
    assert (found.watch_url or "").startswith("https://player.mux.com/abc?")
    assert provider.addresses("v", hls, picture) == Addresses(hls, picture, "https://player.mux.com/abc")


def test_without_the_key_a_private_video_has_no_address(cloudflare: FakeCloudflare, mux: FakeMux):
    for provider in (of_cloudflare(cloudflare, None), of_mux(mux, None)):
        assert provider.addresses("v", HLS, PICTURE, signed=True) == Addresses(None, None, None)


@pytest.fixture
def private(
    chosen: str, tmp_path: Path, key: PlaybackKey, cloudflare: FakeCloudflare, mux: FakeMux
) -> Iterator[Elsewhere]:
    """A server that promises signed playback."""
    pem = key.private.as_pem(private=True).decode()
    keys = {
        "CLOUDFLARE_SIGNING_KEY_ID": "the-key",
        "CLOUDFLARE_SIGNING_KEY": pem,
        "MUX_SIGNING_KEY": "the-key",
        "MUX_PRIVATE_KEY": pem,
        "SIGNED_PLAYBACK": "1",
    }
    makers: dict[str, MakeProvider] = {
        "cloudflare": lambda *_: of_cloudflare(cloudflare, key),
        "mux": lambda *_: of_mux(mux, key),
    }
    with serving(tmp_path, makers, VIDEO_PROVIDER=chosen, **ENVIRON, **keys) as backend, signed_in(backend) as person:
        place = Elsewhere(backend, person, cloudflare, mux)
        place.hold_still()
        yield place


def test_a_webhook_is_not_believed_about_a_private_video_until_the_provider_was_asked(private: Elsewhere):
    video_id = new_video(private.person)
    finish(private, private.upload_of(video_id))
    private.let_time_pass()
    assert tell_ready(private, private.upload_of(video_id)).status_code == 200
    eventually(lambda: state_of(private, video_id) == "ready", within=60)  # the job was called for it
    with private.backend.database.read() as session:
        video = session.get_one(Video, video_id)
    assert video.signed
    assert "token" not in f"{video.playback_url} {video.thumbnail_url}"
    assert replace(private.backend, providers={}).addresses(video) == Addresses(None, None, None)
    shown = status_of(private.person, video_id)
    assert shown["playbackUrl"] != video.playback_url
    assert shown["watchUrl"]


def test_until_then_it_is_said_to_be_in_its_last_step(private: Elsewhere):
    video_id = new_video(private.person)
    status_of(private.person, video_id)
    private.stop_time()  # so that nobody may ask now
    finish(private, private.upload_of(video_id))
    assert tell_ready(private, private.upload_of(video_id)).status_code == 200
    shown = status_of(private.person, video_id)
    assert (shown["status"], shown["stage"], shown["playbackUrl"]) == ("processing", "publishing", None)


def test_a_private_video_that_the_provider_made_public_fails_and_is_deleted_there(private: Elsewhere):
    private.cloudflare.forgets_privacy = private.cloudflare.keeps_public = True
    video_id = new_video(private.person)
    upload_id = private.upload_of(video_id)
    finish(private, upload_id)
    if upload_id in private.mux.uploads:
        private.mux.uploads[upload_id].settings["playback_policies"] = ["public"]
    private.let_time_pass()
    private.follow()
    assert status_of(private.person, video_id)["error"]["code"] == "video_not_private"
    eventually(lambda: not private.holds(upload_id), within=60)
