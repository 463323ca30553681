"""Two threads, one place where they meet."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest
from pytestqt.qtbot import QtBot

from tests.desktop.jobs import GB, a_job
from uploader.desktop.bridge import Bridge, Emit
from uploader.desktop.gathering import Gathering
from uploader.engine.facts import Changed, Fact, Network, Ordered, Removed


class Clockwork:
    """An engine in its smallest form: it knows its thread, and says what it is told to say."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.thread = threading.current_thread()
        self.closed = False

    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    def note(self, number: int, down: list[int]) -> None:
        down.append(number)

    def fail(self) -> None:
        raise LookupError("no such thing")


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Bridge[Clockwork]]:
    made: Bridge[Clockwork] = Bridge()
    made.start()
    yield made
    made.stop()


def unexpected(what: object) -> None:
    raise AssertionError(what)


def opening(opened: list[Clockwork]) -> Callable[[Emit], AbstractAsyncContextManager[Clockwork]]:
    @asynccontextmanager
    async def open_(emit: Emit) -> AsyncIterator[Clockwork]:
        engine = Clockwork(emit)
        opened.append(engine)
        yield engine
        await asyncio.sleep(0)
        engine.closed = True

    return open_


def test_commands_run_over_there_and_answers_come_back_here(qtbot: QtBot, bridge: Bridge[Clockwork]):
    opened: list[Clockwork] = []
    answers: list[tuple[object, threading.Thread]] = []
    bridge.do(lambda engine: engine.double(21), lambda number: answers.append((number, threading.current_thread())))
    bridge.do(lambda engine: engine.thread, lambda thread: answers.append((thread, threading.current_thread())))
    bridge.open(opening(opened), lambda _: None, unexpected)
    qtbot.waitUntil(lambda: len(answers) == 2)
    here = threading.main_thread()
    assert set(answers) == {(42, here), (opened[0].thread, here)}
    assert opened[0].thread is not here


def test_commands_run_in_the_order_given(qtbot: QtBot, bridge: Bridge[Clockwork]):
    done: list[int] = []
    for number in range(50):
        bridge.do(partial(Clockwork.note, number=number, down=done))
    bridge.open(opening([]), lambda _: None, unexpected)
    qtbot.waitUntil(lambda: len(done) == 50)
    assert done == list(range(50))


def test_a_failure_reaches_whoever_asked(qtbot: QtBot, bridge: Bridge[Clockwork]):
    failures: list[Exception] = []
    bridge.open(opening([]), lambda _: None, unexpected)
    bridge.do(lambda engine: engine.fail(), unexpected, failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert isinstance(failures[0], LookupError)


def test_an_engine_that_does_not_open_says_why(qtbot: QtBot, bridge: Bridge[Clockwork]):
    @asynccontextmanager
    async def broken(emit: Emit) -> AsyncIterator[Clockwork]:
        if threading.current_thread().name == "engine":
            raise OSError("no disk")
        yield Clockwork(emit)

    failures: list[Exception] = []
    bridge.open(broken, unexpected, failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    opened: list[Clockwork] = []
    bridge.open(opening(opened), lambda _: None, unexpected)
    qtbot.waitUntil(lambda: bool(opened))


def test_the_next_engine_opens_after_the_last_one_has_closed(qtbot: QtBot, bridge: Bridge[Clockwork]):
    opened: list[Clockwork] = []
    order: list[bool] = []
    bridge.open(opening(opened), lambda _: None, unexpected)
    bridge.open(opening(opened), lambda _: order.append(opened[0].closed), unexpected)
    qtbot.waitUntil(lambda: bool(order))
    assert order == [True]
    assert bridge.engine is opened[1]


def test_stopping_closes_the_engine_and_joins_the_thread(qtbot: QtBot):
    bridge: Bridge[Clockwork] = Bridge()
    bridge.start()
    opened: list[Clockwork] = []
    with qtbot.waitCallback() as there:
        bridge.open(opening(opened), there, unexpected)
    never = bridge.run(asyncio.Event().wait)
    bridge.stop()
    assert opened[0].closed
    assert not opened[0].thread.is_alive()
    never.cancel()


def test_stopping_in_the_middle_of_opening_opens_first_and_then_closes(qtbot: QtBot):
    order: list[str] = []

    @asynccontextmanager
    async def slow(emit: Emit) -> AsyncIterator[Clockwork]:
        order.append("opening")
        await asyncio.to_thread(began.wait)
        order.append("open")
        try:
            yield Clockwork(emit)
        finally:
            order.append("closed")

    began = threading.Event()
    bridge: Bridge[Clockwork] = Bridge()
    bridge.start()
    bridge.open(slow, unexpected, unexpected)
    bridge.run(asyncio.Event().wait)
    qtbot.waitUntil(lambda: order == ["opening"])
    threading.Timer(0.05, began.set).start()
    bridge.stop()
    assert order == ["opening", "open", "closed"]


def test_a_cancelled_command_never_answers(qtbot: QtBot, bridge: Bridge[Clockwork]):
    waiting, answers = bridge.run(asyncio.Event().wait, unexpected, unexpected), list[int]()
    waiting.cancel()
    bridge.open(opening([]), lambda _: None, unexpected)
    bridge.do(lambda engine: engine.double(1), answers.append)
    qtbot.waitUntil(lambda: bool(answers))


def test_facts_arrive_gathered_and_byte_counts_whole(qtbot: QtBot, bridge: Bridge[Clockwork]):
    heard: list[tuple[Fact, ...]] = []
    bridge.happened.connect(heard.append)
    bridge.open(opening([]), lambda _: None, unexpected)

    def say(engine: Clockwork) -> None:
        for sent in range(1000):
            engine.emit(Changed(a_job(sent=5 * GB + sent)))

    bridge.do(say)
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [(Changed(a_job(sent=5 * GB + 999)),)]


def test_of_each_thing_only_the_latest_goes_out_and_never_too_often():
    loop = asyncio.new_event_loop()
    batches: list[tuple[Fact, ...]] = []
    gathering = Gathering(loop, batches.append, 60)
    one, two = a_job(1), a_job(2)
    for fact in (
        Changed(one), Ordered((one.id,)), Changed(two), Network(online=True, rate=1), Ordered((two.id, one.id)),
        Network(online=True, rate=2), Removed(one.id),
    ):  # fmt: skip
        gathering.add(fact)
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    assert batches == [
        (Removed(one.id), Changed(two), Network(online=True, rate=2), Ordered((two.id, one.id))),
    ]
    gathering.add(Changed(one))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(batches) == 1
    gathering.flush()
    assert batches[1:] == [(Changed(one),)]
    loop.close()
