import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.backend.asking import CLIP, refused
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, client, config_in, serving, visitor
from uploader.backend.context import Backend
from uploader.backend.security import BODY_LIMIT, WEBHOOK_LIMIT
from uploader.backend.server import address, prepared


def test_every_reply_carries_the_security_headers(desk: Backend):
    with client(desk) as anybody:
        for reply in (anybody.get("/healthz"), anybody.get("/api/me"), anybody.get("/nothing")):
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert reply.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
            assert "strict-transport-security" not in reply.headers
            assert "server" not in reply.headers


def test_other_web_pages_get_no_leave_to_read(desk: Backend):
    with client(desk) as anybody:
        reply = anybody.get("/api/config", headers={"Origin": "https://evil.example"})
        assert not [name for name in reply.headers if name.startswith("access-control-")]
        asked = anybody.options(
            "/api/posts", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
        assert asked.status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1"])
def test_the_server_does_not_answer_under_a_name_that_is_not_its_own(host: str, desk: Backend):
    with client(desk) as anybody:
        assert refused(anybody.get("/healthz", headers={"Host": host})) == (400, "invalid_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1234", "LOCALHOST", "[::1]:80"])
def test_the_server_answers_under_the_names_of_this_computer(host: str, desk: Backend):
    with client(desk) as anybody:
        assert anybody.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_public_server_answers_under_its_public_name_and_insists_on_https(tmp_path: Path):
    config = config_in(tmp_path, PUBLIC_URL="https://videos.example")
    with prepared(config, {"local": FakeProvider}) as ready:
        assert ready.backend.base_url == "https://videos.example"
        thread = threading.Thread(target=ready.run)
        thread.start()
        try:
            with visitor(address(ready.socket), {"Host": "videos.example"}) as anybody:
                inside = anybody.get("/healthz")
        finally:
            ready.server.end()
            thread.join()
    assert inside.status_code == 200
    assert inside.headers["strict-transport-security"] == "max-age=31536000"


def test_a_body_may_be_64_kib_and_not_more(carol: Person):
    fits = carol.api.post("/api/posts", json={"content": "hi", "more": "x" * 65_000})
    assert fits.status_code == 200
    over = carol.api.post("/api/posts", json={"content": "hi", "more": "x" * 66_000})
    assert refused(over) == (413, "request_too_large")


def test_every_address_that_takes_a_body_reads_no_more_than_it_should(carol: Person):
    paths = carol.api.get("/openapi.json").json()["paths"]
    taking = [(method, path) for path, methods in paths.items() for method in methods if method not in {"get", "head"}]
    assert len(taking) >= 4
    for method, path in [*taking, ("post", "/oauth/token"), ("post", "/oauth/authorize"), ("post", "/setup/x")]:
        limit = WEBHOOK_LIMIT if "/webhooks/" in path else BODY_LIMIT
        reply = carol.api.request(method.upper(), path, content=b"x" * (limit + 1))
        assert refused(reply) == (413, "request_too_large"), path


def test_a_body_of_unknown_length_is_counted_as_it_comes(carol: Person):
    over = carol.api.post("/api/posts", content=(b" " * 1000 for _ in range(100)))
    assert refused(over) == (413, "request_too_large")


def test_a_body_that_never_ends_does_not_keep_a_stopping_server(tmp_path: Path):
    with serving(tmp_path, {"local": FakeProvider}) as desk:
        parts = urlsplit(desk.base_url)
        assert parts.hostname
        assert parts.port
        with socket.create_connection((parts.hostname, parts.port)) as raw, client(desk) as other:
            raw.sendall(b"POST /api/posts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            assert other.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Basic abc", "Bearer vu_at_" + "x" * 43, "Bearer ü", "vu_at_" + "x" * 43, "Bearer a b"],
)
def test_only_a_well_formed_token_of_ours_opens_the_door(header: str, desk: Backend):
    with client(desk) as anybody:
        reply = anybody.get("/api/me", headers={b"Authorization": header.encode()})
    assert refused(reply) == (401, "unauthorized")


def test_a_token_in_the_address_opens_nothing(carol: Person, desk: Backend):
    with client(desk) as anybody:
        assert refused(anybody.get("/api/me", params={"access_token": carol.token})) == (401, "unauthorized")
        assert refused(anybody.post("/api/videos/upload-url", json=CLIP)) == (401, "unauthorized")
