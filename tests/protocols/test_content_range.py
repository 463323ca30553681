"""PUTs with Content-Range, as the storage behind them has it and as hosts really behave."""

import re

import pytest

from tests.protocols.contract import KIB, Host, ResumableContract
from uploader.errors import CaptivePortal, Interrupted, Refused, ServerBusy, UploadExpired, UploadForgotten
from uploader.protocols import Checkpoint, Request, Response, Span
from uploader.protocols.base import Steps
from uploader.protocols.content_range import content_range
from uploader.wire import ChunkRules

PIECE = 512 * KIB
SIZE = 3 * PIECE + 7


class RangeHost(Host):
    """Strict: pieces follow on each other, and are multiples of 256 KiB but for the last."""

    def answer(self, request: Request) -> Response:
        assert request.method == "PUT"
        assert set(request.headers) == {"Content-Range"}
        named = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", request.headers["Content-Range"])
        assert named
        assert int(named[3]) == self.size
        if named[1] is None:
            assert not request.body
            return self.stand()
        (span,) = request.body
        assert isinstance(span, Span)
        assert int(named[1]) == span.start
        assert int(named[2]) >= span.start + span.length - 1  # a host that takes half is tested with the same headers
        if span.start != self.held:
            return Response(400)
        self.store(request)
        return self.stand()

    def stand(self) -> Response:
        if self.held == self.size:
            return Response(200)
        return Response(308, {"range": f"bytes=0-{self.held - 1}"} if self.held else {})


class TestContract(ResumableContract):
    name, host = "content_range", RangeHost


class TestContractWithoutRules(ResumableContract):
    """256 KiB are the protocol's own rule, whatever the ticket says."""

    name, host = "content_range", RangeHost
    rules = ChunkRules(min=1, max=768 * KIB, multiple=1, default=512 * KIB)


@pytest.mark.parametrize("wanted", [1, 100_000, 700_000])
def test_pieces_are_multiples_even_where_the_ticket_names_none(wanted: int):
    contract = TestContractWithoutRules()
    contract.run(host := RangeHost(contract.size), wanted=lambda: wanted)
    assert contract.whole(host)
    assert {len(piece) % (256 * KIB) for piece in host.taken[:-1]} == {0}


def start(acknowledged: int | None = None) -> tuple[Steps, object]:
    """A conversation and its first step after the checkpoint: a new one's first piece, or the question."""
    resume = {} if acknowledged is None else {"acknowledged": str(acknowledged)}
    steps = content_range(TestContract().ticket(), SIZE, resume, lambda: PIECE)
    step = next(steps)
    if acknowledged is None:
        assert step == Checkpoint(0, {"acknowledged": "0"})
        step = steps.send(Response(0))
    return steps, step


def upto(last: object) -> Response:
    return Response(308, {"range": f"bytes=0-{last}"})


def ranged(step: object) -> str:
    assert isinstance(step, Request)
    return step.headers["Content-Range"]


def acknowledged(step: object, offset: int) -> bool:
    return step == Checkpoint(offset, {"acknowledged": str(offset)})


QUESTION = f"bytes */{SIZE}"


def test_a_new_address_is_not_asked():
    _, step = start()
    assert ranged(step) == f"bytes 0-{PIECE - 1}/{SIZE}"


def test_a_known_one_is_asked_first():
    steps, step = start(acknowledged=PIECE)
    assert ranged(step) == QUESTION
    assert isinstance(step, Request)
    assert step.length == 0
    assert acknowledged(steps.send(upto(2 * PIECE - 1)), 2 * PIECE)
    assert ranged(steps.send(Response(0))) == f"bytes {2 * PIECE}-{3 * PIECE - 1}/{SIZE}"


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-0"}], ids=["without a range", "with one for one byte"])
def test_a_host_may_hold_nothing_of_what_it_acknowledged(headers: dict[str, str]):
    steps, _ = start(acknowledged=PIECE)
    assert acknowledged(steps.send(Response(308, headers)), 0)
    assert ranged(steps.send(Response(0))) == f"bytes 0-{PIECE - 1}/{SIZE}"


@pytest.mark.parametrize("status", [200, 201])
def test_a_lost_last_reply_is_made_good_by_asking(status: int):
    steps, _ = start(acknowledged=3 * PIECE)
    assert acknowledged(steps.send(Response(status)), SIZE)
    with pytest.raises(StopIteration):
        next(steps)


def test_it_goes_on_at_the_byte_that_is_acknowledged():
    steps, _ = start()
    assert acknowledged(steps.send(upto(99)), 100)
    assert ranged(steps.send(Response(0))) == f"bytes 100-{PIECE + 99}/{SIZE}"


@pytest.mark.parametrize(
    "said",
    ["", "bytes=0-", "0-99", "bytes=1-99", "bytes=0-x", "bytes=0-１", "bytes 0-99", f"bytes=0-{PIECE}", "bytes=0-99,"],
)
def test_a_range_that_makes_no_sense_is_asked_about(said: str):
    steps, _ = start()
    assert ranged(steps.send(Response(308, {"range": said}))) == QUESTION
    assert acknowledged(steps.send(upto(99)), 100)


def test_data_answered_without_a_range_is_asked_about():
    steps, _ = start()
    assert ranged(steps.send(Response(308))) == QUESTION
    assert acknowledged(steps.send(upto(PIECE - 1)), PIECE)


@pytest.mark.parametrize("said", ["x", f"bytes=0-{SIZE}", "bytes=5-9", "bytes=0-" + "9" * 5000])
def test_a_question_answered_with_nonsense_is_an_interruption(said: str):
    steps, _ = start(acknowledged=PIECE)
    with pytest.raises(Interrupted):
        steps.send(Response(308, {"range": said}))


def test_a_host_that_never_moves_is_an_interruption_and_not_a_loop():
    steps, step = start()

    def never_moves(step: object) -> None:
        for _ in range(100):
            assert step is not None
            step = steps.send(Response(308))

    with pytest.raises(Interrupted):
        never_moves(step)


@pytest.mark.parametrize("status", [400, 401, 405, 411, 416, 422, 501])
def test_a_host_that_does_not_know_the_question_gets_what_follows_its_last_word(status: int):
    steps, _ = start(acknowledged=PIECE)
    assert acknowledged(steps.send(Response(status)), PIECE)
    assert ranged(steps.send(Response(0))) == f"bytes {PIECE}-{2 * PIECE - 1}/{SIZE}"
    assert acknowledged(steps.send(upto(2 * PIECE - 1)), 2 * PIECE)


def test_where_it_can_neither_say_what_it_took_nor_where_it_stands_the_piece_goes_again():
    steps, _ = start()
    assert ranged(steps.send(Response(308))) == QUESTION
    assert acknowledged(steps.send(Response(400)), 0)
    assert ranged(steps.send(Response(0))) == f"bytes 0-{PIECE - 1}/{SIZE}"


def test_what_was_said_to_be_whole_is_not_asked_about():
    _, step = start(acknowledged=SIZE)
    assert acknowledged(step, SIZE)


def test_where_that_is_refused_too_a_new_address_is_needed():
    steps, _ = start(acknowledged=PIECE)
    steps.send(Response(400))
    steps.send(Response(0))
    assert ranged(steps.send(Response(400))) == QUESTION
    with pytest.raises(UploadForgotten):
        steps.send(Response(400))


def test_a_host_that_took_one_such_piece_may_refuse_the_next_for_good():
    steps, _ = start(acknowledged=PIECE)
    steps.send(Response(400))
    steps.send(Response(0))
    assert acknowledged(steps.send(upto(2 * PIECE - 1)), 2 * PIECE)
    steps.send(Response(0))
    steps.send(Response(413))
    with pytest.raises(Refused, match="413"):
        steps.send(Response(400))


def test_a_piece_refused_because_the_host_stands_elsewhere_is_no_refusal():
    steps, _ = start()
    assert ranged(steps.send(Response(400))) == QUESTION
    assert acknowledged(steps.send(upto(99)), 100)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, UploadExpired), (404, UploadForgotten), (410, UploadExpired), (503, ServerBusy), (429, ServerBusy)],
)
def test_some_answers_to_the_question_are_plain(status: int, kind: type[Exception]):
    steps, _ = start(acknowledged=PIECE)
    with pytest.raises(kind):
        steps.send(Response(status))


def test_the_last_piece_answered_with_more_please_is_not_the_end():
    steps, _ = start(acknowledged=3 * PIECE)
    steps.send(upto(3 * PIECE - 1))
    assert ranged(steps.send(Response(0))) == f"bytes {3 * PIECE}-{SIZE - 1}/{SIZE}"
    with pytest.raises(Interrupted):
        steps.send(upto(SIZE - 1))


def test_the_last_piece_may_be_taken_in_two():
    steps, _ = start(acknowledged=3 * PIECE)
    steps.send(upto(3 * PIECE - 1))
    steps.send(Response(0))
    assert acknowledged(steps.send(upto(3 * PIECE + 2)), 3 * PIECE + 3)
    assert ranged(steps.send(Response(0))) == f"bytes {3 * PIECE + 3}-{SIZE - 1}/{SIZE}"
    assert acknowledged(steps.send(Response(201)), SIZE)


def test_a_host_that_calls_a_part_the_whole_is_not_believed():
    steps, _ = start()
    with pytest.raises(UploadForgotten):
        steps.send(Response(200))


def test_a_permanent_redirect_is_not_more_please():
    steps, _ = start()
    steps.send(Response(308, {"location": "https://elsewhere.test/", "range": "bytes=0-99"}))
    with pytest.raises(Refused):
        steps.send(Response(308))


@pytest.mark.parametrize("known", [None, PIECE])
def test_somebody_elses_page_is_the_networks_sign_in(known: int | None):
    steps, _ = start(known)
    with pytest.raises(CaptivePortal):
        steps.send(Response(200, {"content-type": "text/html; charset=utf-8"}, "\n<html>Welcome to the hotel"))


def test_an_empty_page_is_how_some_storage_says_yes():
    steps, _ = start(acknowledged=PIECE)
    assert acknowledged(steps.send(Response(200, {"content-type": "text/html"})), SIZE)
