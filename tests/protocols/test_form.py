"""A form: one POST, whole or not at all."""

import re
from collections.abc import Mapping

import pytest

from tests.protocols.contract import KIB, Host, ProtocolContract
from uploader.errors import (
    CaptivePortal,
    DiskFull,
    Interrupted,
    Offline,
    Refused,
    ServerBusy,
    Stalled,
    TooLarge,
    Transient,
    UploadForgotten,
)
from uploader.protocols import Checkpoint, Request, Response, Span
from uploader.protocols.base import Steps
from uploader.protocols.form import AGAIN, form
from uploader.wire import ChunkRules, Ticket

SIZE = 1_000_003


class FormHost(Host):
    """Strict: one part, named `file`, with a file name; and each address only once."""

    def answer(self, request: Request) -> Response:
        if self.held:
            return Response(400, text="this address has been used")
        assert request.method == "POST"
        (kind, boundary) = request.headers["Content-Type"].split("; boundary=")
        assert kind == "multipart/form-data"
        assert re.fullmatch(r"[0-9a-zA-Z]{1,70}", boundary)
        before, file, after = request.body
        assert isinstance(before, bytes)
        assert before.startswith(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename='.encode())
        assert before.endswith(b"\r\n\r\n")
        assert file == Span(0, self.size)
        assert after == f"\r\n--{boundary}--\r\n".encode()
        self.store(request)
        return Response(200)


class TestContract(ProtocolContract):
    name, host = "form", FormHost
    rules = ChunkRules(min=512 * KIB, max=200_000_000, multiple=256 * KIB, default=512 * KIB)


def ticket(largest: int | None = None) -> Ticket:
    return TestContract().ticket().model_copy(update={"chunk": ChunkRules(max=largest, default=1)})


def start(resume: Mapping[str, str] | None = None) -> Steps:
    """A conversation whose POST has been yielded."""
    steps = form(ticket(), SIZE, resume or {}, lambda: 1)
    point = next(steps)
    assert isinstance(point, Checkpoint)
    assert point.offset == 0
    assert isinstance(next(steps), Request)
    return steps


def begun() -> Mapping[str, str]:
    point = next(form(ticket(), SIZE, {}, lambda: 1))
    assert isinstance(point, Checkpoint)
    return point.resume


def test_a_broken_one_starts_from_the_beginning_and_says_so():
    contract = TestContract()
    host = FormHost(contract.size)
    points: list[Checkpoint] = []

    def breaks(_: Request) -> Response:
        raise Interrupted

    with pytest.raises(Interrupted) as caught:
        contract.run(host, answer=breaks, points=points)
    assert caught.value.hint == AGAIN
    contract.run(host, resume=points[-1].resume)
    assert host.taken == [range(contract.size)]


@pytest.mark.parametrize("what", [Interrupted("cut"), Stalled("silence")])
def test_what_broke_it_is_told_without_promising_what_is_not_kept(what: Transient):
    steps = start()
    with pytest.raises(type(what)) as caught:
        steps.throw(what)
    assert (caught.value.title, caught.value.hint, caught.value.detail) == (what.title, AGAIN, what.detail)


def test_other_trouble_passes_as_it_is():
    steps = start()
    with pytest.raises(Offline) as caught:
        steps.throw(offline := Offline())
    assert caught.value is offline


@pytest.mark.parametrize(("status", "kind"), [(503, ServerBusy), (507, DiskFull)])
def test_a_host_that_cannot_now_keeps_nothing_either(status: int, kind: type[Transient]):
    steps = start()
    with pytest.raises(kind) as caught:
        steps.send(Response(status, {"retry-after": "9"}))
    assert (caught.value.hint, caught.value.retry_after) == (AGAIN, 9)


@pytest.mark.parametrize("status", [400, 401, 405, 409, 415, 422])
def test_an_address_that_refuses_a_second_try_may_have_the_first(status: int):
    """The reply was lost: the backend knows."""
    with pytest.raises(UploadForgotten):
        start(begun()).send(Response(status))
    with pytest.raises(Refused):
        start().send(Response(status))


def test_too_large_is_too_large_at_every_try():
    with pytest.raises(Refused):
        start(begun()).send(Response(413))


def test_what_is_larger_than_a_form_may_be_is_not_sent():
    next(form(ticket(SIZE), SIZE, {}, lambda: 1))
    with pytest.raises(TooLarge):
        next(form(ticket(SIZE - 1), SIZE, {}, lambda: 1))


def test_the_boundary_is_not_for_others_to_know():
    """Nobody who makes a file can put it in there: it comes from the address, which is secret."""
    here, there = (
        form(one, SIZE, {}, lambda: 1) for one in (ticket(), ticket().model_copy(update={"upload_url": "x"}))
    )
    posts = [[*map(next, (steps, steps))][1] for steps in (here, there)]
    boundaries = {post.headers["Content-Type"] for post in posts if isinstance(post, Request)}
    assert len(boundaries) == 2


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_yes_is_a_yes(status: int):
    assert start().send(Response(status)) == Checkpoint(SIZE, {"sent": "whole"})


def test_somebody_elses_page_is_the_networks_sign_in():
    with pytest.raises(CaptivePortal):
        start().send(Response(200, {"content-type": "text/html"}, "<!doctype html>"))


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (404, UploadForgotten), (503, ServerBusy)])
def test_a_refusal_may_be_a_page(status: int, kind: type[Exception]):
    with pytest.raises(kind):
        start().send(Response(status, {"content-type": "text/html"}, "<html>No."))
