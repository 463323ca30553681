"""tus, as its specification has it and as hosts really behave."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from tests.protocols.contract import Host, ResumableContract
from uploader.errors import CaptivePortal, Interrupted, ReelferryError, Refused, UploadExpired, UploadForgotten
from uploader.protocols import Checkpoint, Digest, Request, Response, Span
from uploader.protocols.base import A_DAY, Steps, retry_after
from uploader.protocols.tus import tus
from uploader.wire import ChunkRules

TUS = {"tus-resumable": "1.0.0"}


class TusHost(Host):
    """Strict: the headers the specification demands, and no others that matter."""

    def answer(self, request: Request) -> Response:
        assert request.headers["Tus-Resumable"] == "1.0.0"
        if request.method == "HEAD":
            assert set(request.headers) == {"Tus-Resumable"}
            return Response(200, TUS | {"upload-offset": str(self.held), "upload-length": str(self.size)})
        assert request.method == "PATCH"
        assert set(request.headers) == {"Tus-Resumable", "Upload-Offset", "Content-Type"}
        assert request.headers["Content-Type"] == "application/offset+octet-stream"
        if int(request.headers["Upload-Offset"]) != self.held:
            return Response(409, TUS)
        self.store(request)
        return Response(204, TUS | {"upload-offset": str(self.held)})


class TestContract(ResumableContract):
    name, host = "tus", TusHost
    polite: ClassVar[Mapping[str, str]] = TUS


class TestContractWithoutRules(ResumableContract):
    """Where the host takes anything: pieces are as long as wanted."""

    name, host = "tus", TusHost
    size = 50_001
    rules = ChunkRules(default=10_000)
    polite: ClassVar[Mapping[str, str]] = TUS


SIZE = 3 * 1024 * 1024
PIECE = 512 * 1024


def start(offset: int = 0) -> Steps:
    """A conversation whose first HEAD has been answered; the first checkpoint is next."""
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    head = next(steps)
    assert isinstance(head, Request)
    assert head.method == "HEAD"
    assert steps.send(at(offset, 200)) == Checkpoint(offset)
    return steps


def at(offset: object, status: int = 204) -> Response:
    return Response(status, TUS | {"upload-offset": str(offset)})


def method(step: object) -> str:
    assert isinstance(step, Request)
    return step.method


def test_the_servers_offset_is_kept_even_before_the_first_byte_is_sent():
    steps = start(777)
    patch = steps.send(Response(0))
    assert isinstance(patch, Request)
    assert (patch.headers["Upload-Offset"], patch.body) == ("777", (Span(777, PIECE),))


@pytest.mark.parametrize("status", [409, 460])
def test_asks_again_when_the_server_stands_elsewhere_or_threw_a_damaged_piece_away(status: int):
    steps = start()
    steps.send(Response(0))
    assert method(steps.send(Response(status, TUS))) == "HEAD"
    assert steps.send(at(4096, 200)) == Checkpoint(4096)
    assert method(steps.send(Response(0))) == "PATCH"


@pytest.mark.parametrize("odd", ["", "x", "-1", "0", "0x10", "１２", str(PIECE + 1), "1e3", "12 ", "9" * 5000])
def test_asks_again_when_the_offset_in_a_reply_makes_no_sense(odd: str):
    steps = start()
    steps.send(Response(0))
    assert method(steps.send(at(odd))) == "HEAD"
    assert steps.send(at(PIECE, 200)) == Checkpoint(PIECE)


def test_a_server_that_stores_less_than_was_sent_is_believed():
    steps = start()
    steps.send(Response(0))
    assert steps.send(at(1)) == Checkpoint(1)


def test_a_server_that_lost_bytes_is_sent_them_again():
    steps = start(2 * PIECE)
    steps.send(Response(0))
    assert method(steps.send(Response(409, TUS))) == "HEAD"
    assert steps.send(at(PIECE, 200)) == Checkpoint(PIECE)
    patch = steps.send(Response(0))
    assert isinstance(patch, Request)
    assert patch.body == (Span(PIECE, PIECE),)


def test_a_server_that_never_moves_is_an_interruption_and_not_a_loop():
    steps = start()
    step = steps.send(Response(0))

    def never_moves(step: Request | Checkpoint) -> None:
        for _ in range(100):
            is_head = isinstance(step, Request) and step.method == "HEAD"
            step = steps.send(at(0, 200) if is_head else Response(409, TUS))

    with pytest.raises(Interrupted):
        never_moves(step)


NOON = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize("end", ["Sun, 22 Nov 2026 12:00:09 GMT", "Sun, 22 Nov 2026 11:00:00 GMT"])
def test_no_piece_is_begun_for_an_upload_that_ends_by_the_servers_clock(end: str):
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    with pytest.raises(UploadExpired):
        steps.send(Response(200, TUS | NOON | {"upload-offset": "0", "upload-expires": end}))


def test_an_end_that_comes_close_is_seen_between_two_pieces():
    steps = start()
    steps.send(Response(0))
    soon = NOON | {"upload-expires": "Sun, 22 Nov 2026 12:00:01 GMT"}
    assert steps.send(Response(204, TUS | soon | {"upload-offset": str(PIECE)})) == Checkpoint(PIECE)
    with pytest.raises(UploadExpired):
        steps.send(Response(0))


@pytest.mark.parametrize(
    "headers",
    [
        NOON | {"upload-expires": "Sun, 22 Nov 2026 12:00:11 GMT"},
        NOON | {"upload-expires": "soon"},
        {"upload-expires": "Sun, 22 Nov 2020 12:00:00 GMT"},  # no telling by which clock
    ],
)
def test_an_end_that_is_far_or_makes_no_sense_stops_nothing(headers: dict[str, str]):
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    assert steps.send(Response(200, TUS | headers | {"upload-offset": "7"})) == Checkpoint(7)
    assert method(steps.send(Response(0))) == "PATCH"


def test_the_end_of_a_complete_upload_does_not_matter():
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    past = NOON | {"upload-expires": "Sun, 22 Nov 2026 11:00:00 GMT"}
    assert steps.send(Response(200, TUS | past | {"upload-offset": str(SIZE)})) == Checkpoint(SIZE)
    with pytest.raises(StopIteration):
        steps.send(Response(0))


@pytest.mark.parametrize("checksum", ["sha1", "sha256", None])
def test_a_piece_has_a_checksum_where_the_ticket_says_by_which_and_nowhere_else(checksum: str | None):
    ticket = TestContract().ticket()
    checked = ticket.model_copy(update={"chunk": ticket.chunk.model_copy(update={"checksum": checksum})})
    steps = tus(checked, SIZE, {}, lambda: PIECE)
    next(steps)
    steps.send(at(0, 200))
    patch = steps.send(Response(0))
    assert isinstance(patch, Request)
    assert patch.digest == (checksum and Digest("Upload-Checksum", checksum))


@pytest.mark.parametrize("odd", ["", "x", "-1", str(SIZE + 1), "9" * 5000])
def test_a_first_answer_without_a_usable_offset_is_an_interruption(odd: str):
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    with pytest.raises(Interrupted):
        steps.send(at(odd, 200))


def test_an_upload_of_another_length_is_not_ours():
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    with pytest.raises(UploadForgotten):
        steps.send(Response(200, TUS | {"upload-offset": "0", "upload-length": str(SIZE + 1)}))


def test_a_last_reply_that_was_lost_is_made_good_by_asking():
    steps = start(SIZE)
    with pytest.raises(StopIteration):
        steps.send(Response(0))


@pytest.mark.parametrize("status", [200, 302, 307, 511])
def test_somebody_elses_page_is_the_networks_sign_in(status: int):
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    with pytest.raises(CaptivePortal):
        steps.send(Response(status, {"content-type": "text/html"}, "<html>Welcome to the hotel"))


def test_a_redirect_by_the_host_itself_is_refused():
    steps = tus(TestContract().ticket(), SIZE, {}, lambda: PIECE)
    next(steps)
    with pytest.raises(Refused):
        steps.send(Response(307, TUS | {"location": "https://elsewhere.test/"}))


def test_a_refusal_keeps_the_servers_words_for_the_log():
    steps = start()
    steps.send(Response(0))
    with pytest.raises(ReelferryError, match="413 chunk too large"):
        steps.send(Response(413, TUS, "chunk too large"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 5 "}, 5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "9" * 500}, A_DAY),
        ({"retry-after": "Sun, 22 Nov 9026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, A_DAY),
    ],
)
def test_how_long_to_wait_is_read_from_seconds_or_by_the_servers_own_clock(
    headers: dict[str, str], seconds: float | None
):
    assert retry_after(Response(503, headers)) == seconds
