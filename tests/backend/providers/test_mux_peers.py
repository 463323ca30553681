"""Ours beside what Mux itself publishes for Node: its schema, its check of webhooks, its signing of playback."""

import base64
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from tests.backend.providers.contract import SECRET, an_order
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux, signed
from tests.needs import need_peer
from uploader.backend.playback_key import read_key
from uploader.backend.provider_config import MuxConfig
from uploader.backend.providers.mux.provider import MuxProvider
from uploader.backend.webhooks import Forged

SCRIPT = Path(__file__).with_name("mux_node.mjs")
pytestmark = [pytest.mark.peer, pytest.mark.one_database("what goes to a provider and comes from it; no rows")]


def node(what: str, asked: object) -> Any:  # noqa: ANN401 (JSON)
    need_peer("@mux/mcp")
    peers = need_peer("@mux/mux-node")
    command = ["node", "--input-type=module", "-", what, json.dumps(asked)]  # so Node looks for packages where it runs
    done = subprocess.run(
        command, cwd=peers, input=SCRIPT.read_text(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def mux() -> Iterator[FakeMux]:
    with FakeMux().running() as fake:
        yield fake


def nothing_else(schema: Any) -> Any:  # noqa: ANN401 (JSON)
    """The same schema, in which what it does not name is wrong."""
    if isinstance(schema, list):
        return [nothing_else(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: nothing_else(part) for key, part in schema.items()}
    return strict | {"additionalProperties": False} if "properties" in schema else strict


def test_what_we_order_is_valid_by_muxs_own_schema(mux: FakeMux):
    schema = jsonschema_rs.validator_for(nothing_else(node("schema", {})))
    config = MuxConfig(TOKEN_ID, TOKEN_SECRET, (), "premium", api=mux.url)
    for private in (False, True):
        MuxProvider(config, 3600, "https://videos.example", signed=private).grant(an_order())
        body = json.loads(mux.asked[-1].body)
        schema.validate(body)
        for wrong in (
            {"cors_origin": 1},
            {"timeout": "long"},
            {"playback_policies": ["public"]},
            {"new_asset_settings": {"playback_policies": ["secret"]}},
            {"new_asset_settings": {"nonsense": True}},
        ):
            assert not schema.is_valid(body | wrong)


def test_mux_and_we_take_the_same_webhooks(mux: FakeMux):
    provider = MuxProvider(MuxConfig(TOKEN_ID, TOKEN_SECRET, (SECRET,), api=mux.url), 3600)
    now = datetime.now(UTC)
    event = {"type": "video.live_stream.idle", "id": "ü 1"}
    headers, body = signed(event, SECRET)
    good = headers["Mux-Signature"]
    time, _, signature = good.partition(",")
    cases = [
        good,
        f"{time},v1={'0' * 64},{signature}",
        signed(event, "another secret")[0]["Mux-Signature"],
        signed(event, SECRET, now - timedelta(seconds=400))[0]["Mux-Signature"],
        f"t=1,{signature}",
        time,
        "",
    ]
    theirs = node("webhooks", [{"body": body.decode(), "header": one, "secret": SECRET} for one in cases])

    def taken(header: str) -> bool:
        try:
            provider.hear(header, body, now)
        except Forged:
            return False
        return True

    assert [taken(one) for one in cases] == theirs == [True, True, *[False] * 5]


def test_mux_and_we_sign_playback_alike():
    pem = RSAKey.generate_key(2048).as_pem(private=True)
    key = base64.b64encode(pem).decode()
    theirs = node("tokens", {"keyId": "the key", "key": key, "playbackId": "abc"})
    ours = [read_key("the key", key).token("abc", datetime.now(UTC), audience) for audience in ("v", "t")]
    for one, other in zip(ours, theirs, strict=True):
        read = [jws.deserialize_compact(token, RSAKey.import_key(pem), ["RS256"]) for token in (one, other)]
        mine, muxs = (json.loads(token.payload) for token in read)
        header = read[0].headers()
        assert header.pop("kid") == "the key", "named here too, as Cloudflare wants it"
        assert header == read[1].headers()
        assert abs(mine.pop("exp") - muxs.pop("exp")) < 300
        assert mine == muxs
