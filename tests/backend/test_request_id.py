import re

import pytest

from tests.backend.server import client
from uploader.backend.context import Backend

pytestmark = pytest.mark.one_database("headers have no rows")


def test_every_reply_names_its_request_and_no_two_alike(desk: Backend):
    with client(desk) as anybody:
        replies = [
            anybody.get("/healthz"),
            anybody.get("/api/me"),
            anybody.get("/nothing"),
            anybody.get("/healthz", headers={"Host": "evil.example"}),
            anybody.post("/api/posts", content=b"x" * 70_000),
        ]
    assert [reply.status_code for reply in replies] == [200, 401, 404, 400, 413]
    names = {reply.headers["x-request-id"] for reply in replies}
    assert len(names) == len(replies)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_the_name_that_a_proxy_gave_is_kept(desk: Backend):
    with client(desk) as anybody:
        reply = anybody.get("/healthz", headers={"X-Request-Id": "0123456789abcdef0123456789ABCDEF"})
    assert reply.headers["x-request-id"] == "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize("name", ["short", "x" * 65, "with space", 'quote"quote', "", "ümläut-ümläut"])
def test_a_name_that_could_spoil_a_log_is_replaced(name: str, desk: Backend):
    with client(desk) as anybody:
        reply = anybody.get("/healthz", headers={b"X-Request-Id": name.encode()})
    assert re.fullmatch("[0-9a-f]{16}", reply.headers["x-request-id"])


def test_of_two_names_neither_is_believed(desk: Backend):
    with client(desk) as anybody:
        reply = anybody.get("/healthz", headers=[("X-Request-Id", "first-name"), ("X-Request-Id", "second-name")])
    assert re.fullmatch("[0-9a-f]{16}", reply.headers["x-request-id"])
