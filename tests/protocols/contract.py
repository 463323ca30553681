"""What every upload protocol promises. A new one subclasses the contract and writes down how its host answers.

The host holds bytes and enforces its protocol's rules with assertions: a request it would not understand fails the
test. Nothing here does any I/O: a test is a conversation.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from uploader.errors import (
    DiskFull,
    Interrupted,
    Permanent,
    ReelferryError,
    Refused,
    ServerBusy,
    StartOver,
    UploadExpired,
    UploadForgotten,
)
from uploader.protocols import PROTOCOLS, Checkpoint, Request, Response, Span
from uploader.wire import ChunkRules, Ticket

KIB = 1024
URL = "https://upload.example.test:8443/up%2Fload/%C3%A9/1;v=2?tusv2=true&sig=a%2Fb+c==&empty="


class Host(ABC):
    """Where the bytes go. `held` is what it has, `taken` is every range it stored, in order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.held = 0
        self.taken: list[range] = []
        self.requests: list[Request] = []

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Speak the protocol."""

    def store(self, request: Request, keep: int | None = None) -> None:
        """Take the file's bytes in `request`, or the first `keep` of them."""
        for span in (part for part in request.body if isinstance(part, Span)):
            assert span.start == self.held, f"expected bytes from {self.held}, got {span.start}"
            assert 0 < span.length <= self.size - span.start
            self.taken.append(range(span.start, span.start + (span.length if keep is None else keep)))
            self.held = self.taken[-1].stop


class ProtocolContract:
    """What holds for any protocol. Subclass as Test…; give `name` and `host`."""

    name: ClassVar[str]
    host: ClassVar[type[Host]]
    size: ClassVar[int] = 10 * 256 * KIB + 12_345
    rules: ClassVar[ChunkRules] = ChunkRules(min=512 * KIB, max=768 * KIB, multiple=256 * KIB, default=512 * KIB)

    def ticket(self) -> Ticket:
        return Ticket(
            video_id="v1",
            upload_url=URL,
            provider="local",
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            protocol=self.name,
            chunk=self.rules,
            max_bytes=self.size,
        )

    def run(
        self,
        host: Host,
        *,
        resume: Mapping[str, str] | None = None,
        stop_at: int | None = None,
        wanted: Callable[[], int] | None = None,
        answer: Callable[[Request], Response] | None = None,
        points: list[Checkpoint] | None = None,
    ) -> list[Checkpoint]:
        """Play the conversation, to the end or to the nth checkpoint. The checkpoints: those in `points`, and its own.

        What `answer` raises is what the line did: the protocol hears of it.
        """
        steps = PROTOCOLS[self.name](self.ticket(), self.size, resume or {}, wanted or (lambda: self.rules.default))
        points = [] if points is None else points
        reply = Response(0)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Checkpoint):
                    points.append(step)
                    assert step.offset <= host.held, "a checkpoint claims what the host does not hold"
                    if len(points) == stop_at:
                        break
                else:
                    host.requests.append(step)
                    try:
                        reply = (answer or host.answer)(step)
                    except ReelferryError as error:
                        steps.throw(error)
                        raise
                step = steps.send(reply)
        except StopIteration:
            pass
        return points

    def whole(self, host: Host) -> bool:
        """Every byte arrived, once and in order."""
        joined = all(a.stop == b.start for a, b in itertools.pairwise(host.taken))
        return joined and host.taken[0].start == 0 and host.taken[-1].stop == host.held == self.size

    def test_every_byte_arrives_once_and_in_order(self):
        host = self.host(self.size)
        points = self.run(host)
        assert self.whole(host)
        assert [point.offset for point in points] == [0, *(piece.stop for piece in host.taken)]

    def test_may_be_killed_after_any_checkpoint(self):
        total = len(self.run(self.host(self.size)))
        for nth in range(1, total + 1):
            host = self.host(self.size)
            point = self.run(host, stop_at=nth)[-1]
            self.run(host, resume=point.resume)
            assert self.whole(host), f"killed at checkpoint {nth}"

    def test_a_whole_upload_is_not_sent_again(self):
        host = self.host(self.size)
        last = self.run(host)[-1]
        sent = len(host.taken)
        assert self.run(host, resume=last.resume)[-1].offset == self.size
        assert len(host.taken) == sent

    def test_a_file_smaller_than_one_piece_goes_in_one(self):
        small = type("Small", (type(self),), {"size": 11})()
        host = self.host(11)
        small.run(host)
        assert host.taken == [range(11)]

    def test_an_upload_the_host_has_forgotten_starts_over(self):
        assert {type(error) for error in self.errors(Response(404, self.polite))} == {UploadForgotten}

    @pytest.mark.parametrize("status", [403, 410])
    def test_an_address_past_its_time_is_told_apart(self, status: int):
        assert {type(error) for error in self.errors(Response(status, self.polite))} == {UploadExpired}

    @pytest.mark.parametrize("status", [400, 401, 405, 412, 413, 415, 422])
    def test_a_refusal_is_final(self, status: int):
        assert self.every_refusal(status) == {Permanent}

    @pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 502, 503, 504])
    def test_a_busy_host_is_asked_again_when_it_says(self, status: int):
        reply = Response(status, {"retry-after": "17"})
        for error in self.errors(reply):
            assert isinstance(error, ServerBusy)
            assert error.retry_after == 17

    def test_a_full_disk_is_told_apart(self):
        assert {type(error) for error in self.errors(Response(507))} == {DiskFull}

    def test_a_redirect_is_refused_and_not_followed(self):
        elsewhere = {**self.polite, "location": "https://elsewhere.test/"}
        for status in (301, 302, 303, 307, 308):
            assert {type(error) for error in self.errors(Response(status, elsewhere))} == {Refused}

    def test_an_answer_without_sense_is_an_interruption_not_a_loop(self):
        for error in self.errors(Response(202, self.polite), for_ever=True):
            assert isinstance(error, Interrupted)

    def test_nothing_but_the_address_says_who_we_are(self):
        host = self.host(self.size)
        self.run(host)
        for request in host.requests:
            assert request.url == URL, "scheme, host, path and query are a capability: taken verbatim"
            assert urlsplit(request.url).username is None
            assert not {name.lower() for name in request.headers} & {"authorization", "cookie", "expect"}

    polite: ClassVar[Mapping[str, str]] = {}
    """Headers by which every reply of a real host is known."""

    def errors(self, reply: Response, *, for_ever: bool = False) -> list[ReelferryError]:
        """What is raised when `reply` is the answer to the first, second … request (or to all from then on)."""
        total = len(self.run(host := self.host(self.size)) and host.requests)
        raised = []
        for nth in range(1, total + 1):
            host = self.host(self.size)

            def answer(request: Request, host: Host = host, nth: int = nth) -> Response:
                now = len(host.requests)
                return reply if now == nth or (for_ever and now > nth) else host.answer(request)

            with pytest.raises(ReelferryError) as caught:
                self.run(host, answer=answer)
            raised.append(caught.value)
        return raised

    def every_refusal(self, status: int) -> set[type[ReelferryError]]:
        """The branches of the error tree that this status leads to, whenever it comes."""
        return {
            next(branch for branch in (StartOver, Permanent, ReelferryError) if isinstance(error, branch))
            for error in self.errors(Response(status, self.polite))
        }


class ResumableContract(ProtocolContract):
    """What holds besides where a file goes in pieces. Give sizes that need at least four."""

    def test_it_takes_several_pieces(self):
        self.run(host := self.host(self.size))
        assert len(host.taken) >= 4, "or the rest means nothing"

    def test_may_be_killed_before_any_reply(self):
        """The request arrived, its reply was never seen: the last request included."""
        total = len(self.run(host := self.host(self.size)) and host.requests)
        for nth in range(1, total + 1):
            host = self.host(self.size)
            points: list[Checkpoint] = []

            def deaf(request: Request, host: Host = host, nth: int = nth) -> Response:
                reply = host.answer(request)
                if len(host.requests) == nth:
                    raise Interrupted
                return reply

            with pytest.raises(Interrupted):
                self.run(host, answer=deaf, points=points)
            self.run(host, resume=points[-1].resume if points else {})
            assert self.whole(host), f"killed before reply {nth}"

    def test_goes_on_from_what_the_host_stored_of_a_broken_piece(self):
        host = self.host(self.size)
        points: list[Checkpoint] = []

        def breaks_off(request: Request) -> Response:
            if request.length and len(host.taken) == 2:
                host.store(request, keep=request.length // 3)
                raise Interrupted
            return host.answer(request)

        with pytest.raises(Interrupted):
            self.run(host, answer=breaks_off, points=points)
        self.run(host, resume=points[-1].resume)
        assert self.whole(host)

    def test_a_host_that_stores_less_than_was_sent_is_believed(self):
        host = self.host(self.size)

        def keeps_half(request: Request) -> Response:
            if request.length and len(host.taken) == 1:
                return host.answer(self.half(request))
            return host.answer(request)

        self.run(host, answer=keeps_half)
        assert self.whole(host)

    def half(self, request: Request) -> Request:
        """The request as a host sees it that takes half of its bytes."""
        (span,) = (part for part in request.body if isinstance(part, Span))
        return replace(request, body=(Span(span.start, span.length // 2),))

    @pytest.mark.parametrize("wanted", [1, 512 * KIB, 600 * KIB, 768 * KIB, 10**9])
    def test_pieces_obey_the_rules_to_the_byte(self, wanted: int):
        host = self.host(self.size)
        self.run(host, wanted=lambda: wanted)
        *pieces, last = host.taken
        for piece in pieces:
            assert self.rules.min <= len(piece) <= (self.rules.max or self.size)
            assert len(piece) % self.rules.multiple == 0
        assert len(last) <= (self.rules.max or self.size)
        assert self.whole(host)

    def test_the_size_wanted_is_asked_before_every_piece(self):
        small, large = self.rules.default, self.rules.default * 3 // 2
        sizes = itertools.cycle([small, large])
        host = self.host(self.size)
        self.run(host, wanted=lambda: next(sizes))
        assert [len(piece) for piece in host.taken[:2]] == [small, large]
