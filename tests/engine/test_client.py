"""The API from the desktop's side: what is asked is exact, and every answer means one thing."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.engine.api_host import Answer, ApiHost, page, says
from tests.engine.served import Stage
from tests.proxy import Proxy
from uploader.engine.client import Client
from uploader.engine.http import api_client
from uploader.engine.oauth import Tokens
from uploader.engine.session import MemoryVault, Session
from uploader.errors import (
    CaptivePortal,
    DayUsedUp,
    DiskFull,
    Interrupted,
    NotAServer,
    NotAVideo,
    NotYourVideo,
    Offline,
    PostRefused,
    ProcessingFailed,
    ReelferryError,
    Refused,
    ServerBusy,
    SignInNeeded,
    StillProcessing,
    TooLarge,
    TooManyUploads,
    Transient,
    Unexpected,
    VideoGone,
)
from uploader.wire import PostRequest, UploadRequest

pytestmark = pytest.mark.anyio

CONFIG = {
    "product": "reelferry",
    "version": "1",
    "maxBytes": 5,
    "maxDurationSeconds": 60,
    "acceptedTypes": ["video/mp4"],
    "protocols": ["tus"],
    "somethingNewer": True,
}
TICKET = {
    "videoId": "v1",
    "uploadUrl": "https://upload.test/1?x=y",
    "provider": "local",
    "expiresAt": "2030-01-01T00:00:00Z",
    "protocol": "tus",
    "chunk": {"default": 1024},
    "maxBytes": 5,
}
POST = {
    "id": "p1",
    "content": "Hello",
    "type": "video",
    "author": {"id": "u1", "name": "Ann", "username": "ann"},
    "media": None,
    "community": None,
    "timestamp": "2026-11-22T12:00:00Z",
}
UPLOAD = UploadRequest(filename="å #1.mp4", file_size=5, mime_type="video/mp4")


@pytest.fixture
def host() -> ApiHost:
    return ApiHost()


@pytest.fixture
def proxy(host: ApiHost, stage: Stage) -> Iterator[Proxy]:
    stage.app = host
    with Proxy(stage.port) as proxy:
        yield proxy


@pytest.fixture
async def http(proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(proxy.url) as http:
        yield http


@pytest.fixture
async def client(host: ApiHost, proxy: Proxy, http: httpx.AsyncClient) -> Client:
    session = Session(proxy.url, MemoryVault(), http)
    pair = host.issue()
    await session.begin(Tokens(str(pair["access_token"]), str(pair["refresh_token"]), 900))
    return Client(http, session)


async def test_what_the_server_takes_is_asked_without_a_name(client: Client, host: ApiHost):
    host.answers["/api/config"] = says(200, CONFIG)
    config = await client.config()
    assert config.max_duration_seconds == 60
    assert "authorization" not in host.requests[-1][2]


async def test_who_is_signed_in(client: Client):
    assert (await client.me()).username == "ann"


async def test_where_one_may_post(client: Client, host: ApiHost):
    host.answers["/api/communities"] = says(200, {"communities": [{"id": "c1", "name": "Film club"}]})
    assert [community.name for community in await client.communities()] == ["Film club"]


async def test_a_ticket_is_asked_for_by_key_in_the_wires_words(client: Client, host: ApiHost):
    host.answers["/api/videos/upload-url"] = says(200, TICKET)
    ticket = await client.ticket(UPLOAD, key="job.1")
    assert ticket.upload_url == "https://upload.test/1?x=y"
    method, _, headers, body = host.requests[-1]
    assert (method, headers["idempotency-key"], headers["authorization"]) == ("POST", "job.1", "Bearer access-1")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"filename": "å #1.mp4", "fileSize": 5, "mimeType": "video/mp4"}


async def test_a_post_goes_out_by_key_in_the_wires_words(client: Client, host: ApiHost):
    host.answers["/api/posts"] = says(201, POST)
    request = PostRequest(content="Hello", video_id="v1", type="video")
    assert (await client.post(request, key="job.post")).id == "p1"
    _, _, headers, body = host.requests[-1]
    assert headers["idempotency-key"] == "job.post"
    assert json.loads(body) == {"content": "Hello", "videoId": "v1", "type": "video"}


async def test_a_videos_name_cannot_lead_elsewhere(client: Client, host: ApiHost):
    host.answers["/api/videos/..%2Fme%3Fx%23y/status"] = says(
        200, {"videoId": "v", "status": "ready", "provider": "local", "duration": 5}
    )
    assert (await client.status("../me?x#y")).status == "ready"


@pytest.mark.parametrize("status", [200, 204])
async def test_a_video_is_deleted(client: Client, host: ApiHost, status: int):
    host.answers["/api/videos/v1"] = says(status)
    await client.delete("v1")
    assert host.requests[-1][0] == "DELETE"


async def test_a_video_that_is_not_there_is_deleted_already(client: Client, host: ApiHost):
    host.answers["/api/videos/v1"] = problem(404, "video_not_found")
    await client.delete("v1")


async def test_a_token_the_server_no_longer_takes_is_replaced_and_the_request_repeated(client: Client, host: ApiHost):
    host.access.clear()
    assert (await client.me()).username == "ann"
    assert [path for _, path, _, _ in host.requests if path.startswith(("/api", "/oauth"))] == [
        "/api/me",
        "/oauth/token",
        "/api/me",
    ]


async def test_a_fresh_token_that_is_not_taken_either_needs_a_person(client: Client, host: ApiHost):
    host.answers["/api/me"] = problem(401, "unauthorized")
    with pytest.raises(SignInNeeded):
        await client.me()
    assert host.asked("/oauth/token") == 1
    assert host.asked("/api/me") == 2


async def test_a_dead_sign_in_needs_a_person(client: Client, host: ApiHost):
    host.access.clear()
    host.refresh = None
    with pytest.raises(SignInNeeded):
        await client.me()


def problem(status: int, code: str, **headers: str) -> Answer:
    return says(status, {"error": "What the server says", "code": code}, **headers)


ASKS: dict[str, tuple[str, Callable[[Client], Awaitable[Any]]]] = {
    "config": ("/api/config", lambda client: client.config()),
    "me": ("/api/me", lambda client: client.me()),
    "communities": ("/api/communities", lambda client: client.communities()),
    "ticket": ("/api/videos/upload-url", lambda client: client.ticket(UPLOAD, key="k")),
    "status": ("/api/videos/v1/status", lambda client: client.status("v1")),
    "post": ("/api/posts", lambda client: client.post(PostRequest(content="x"), key="k")),
    "delete": ("/api/videos/v1", lambda client: client.delete("v1")),
}


@pytest.mark.parametrize(
    ("ask", "status", "code", "error"),
    [
        ("ticket", 400, "file_too_large", TooLarge),
        ("ticket", 400, "invalid_file_type", NotAVideo),
        ("ticket", 400, "invalid_request", Refused),
        ("ticket", 409, "idempotency_in_progress", ServerBusy),
        ("ticket", 422, "idempotency_mismatch", Unexpected),
        ("ticket", 429, "rate_limited", ServerBusy),
        ("ticket", 429, "too_many_uploads", TooManyUploads),
        ("ticket", 429, "daily_limit", DayUsedUp),
        ("ticket", 502, "provider_failed", ServerBusy),
        ("ticket", 507, "disk_full", DiskFull),
        ("status", 403, "access_denied", NotYourVideo),
        ("status", 404, "video_not_found", VideoGone),
        ("delete", 403, "access_denied", NotYourVideo),
        ("delete", 409, "something_new", Refused),
        ("post", 400, "empty_post", PostRefused),
        ("post", 400, "invalid_request", PostRefused),
        ("post", 403, "access_denied", PostRefused),
        ("post", 404, "community_not_found", PostRefused),
        ("post", 404, "video_not_found", VideoGone),
        ("post", 409, "video_processing", StillProcessing),
        ("post", 409, "video_failed", ProcessingFailed),
        ("post", 409, "video_cancelled", VideoGone),
        ("post", 409, "idempotency_in_progress", ServerBusy),
        ("post", 422, "idempotency_mismatch", Unexpected),
        ("post", 429, "rate_limited", ServerBusy),
        ("post", 500, "internal_error", ServerBusy),
        ("me", 403, "something_new", Refused),
    ],
)
async def test_each_problem_means_one_thing(  # noqa: PLR0917  (a table)
    client: Client, host: ApiHost, ask: str, status: int, code: str, error: type[ReelferryError]
):
    path, call = ASKS[ask]
    host.answers[path] = problem(status, code, **{"retry-after": "11", "x-request-id": "5f3a0c1e"})
    with pytest.raises(error) as caught:
        await call(client)
    assert caught.type is error
    assert code in caught.value.detail
    assert "request 5f3a0c1e" in caught.value.detail, "the operator finds it in the server's log by this"
    if isinstance(caught.value, Transient) and error is not StillProcessing:
        assert caught.value.retry_after == 11


@pytest.mark.parametrize("ask", sorted(ASKS.keys() - {"delete"}))  # which has no content to be looked at
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (page(200), CaptivePortal),
        (says(302, None, location="http://hotel.test/"), CaptivePortal),
        (page(511), CaptivePortal),
        (page(502), ServerBusy),
        (says(503), ServerBusy),
        (says(200, {"hello": "world"}), NotAServer),
        (page(404), NotAServer),
    ],
    ids=["hotel", "redirect", "511", "gateway", "down", "another product", "another site"],
)
async def test_answers_of_somebody_else_are_told_apart(
    client: Client, host: ApiHost, ask: str, answer: Answer, error: type[ReelferryError]
):
    path, call = ASKS[ask]
    host.answers[path] = answer
    with pytest.raises(error) as caught:
        await call(client)
    assert caught.type is error


async def test_another_product_is_no_server_of_ours(client: Client, host: ApiHost):
    host.answers["/api/config"] = says(200, CONFIG | {"product": "elsewhere"})
    with pytest.raises(NotAServer):
        await client.config()


async def test_a_server_out_of_reach_is_offline(client: Client, proxy: Proxy):
    proxy.go_away()
    with pytest.raises(Offline):
        await client.me()


async def test_a_reply_that_is_lost_is_an_interruption(client: Client, proxy: Proxy, host: ApiHost):
    host.answers["/api/posts"] = says(201, POST)
    proxy.swallow("POST")
    with pytest.raises(Interrupted):
        await client.post(PostRequest(content="x"), key="k")
    assert (await client.post(PostRequest(content="x"), key="k")).id == "p1"


async def test_a_reply_that_breaks_off_is_an_interruption(client: Client, proxy: Proxy, host: ApiHost):
    host.answers["/api/posts"] = says(201, POST)
    proxy.cut(down=250)
    with pytest.raises(Interrupted):
        await client.post(PostRequest(content="x"), key="k")
