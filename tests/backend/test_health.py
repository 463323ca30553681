from tests.backend.server import client
from uploader.backend.context import Backend


def test_a_running_server_says_that_it_is_well(backend: Backend):
    with client(backend) as anybody:
        reply = anybody.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_an_unknown_address_is_an_error_in_our_shape(backend: Backend):
    with client(backend) as anybody:
        reply = anybody.get("/api/nothing-here")
    assert (reply.status_code, reply.json()) == (404, {"error": "Not found", "code": "not_found"})


def test_a_known_address_with_another_method_is_refused_in_our_shape(backend: Backend):
    with client(backend) as anybody:
        reply = anybody.put("/healthz")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"
