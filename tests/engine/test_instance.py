import asyncio
import json
import queue
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from uploader import errors
from uploader.engine.instance import Message, Owner, ask
from uploader.paths import Paths


class Answers:
    """An owner's engine, played by a script; remembers whose conversations were cut short."""

    def __init__(self) -> None:
        self.asked: list[Message] = []
        self.waiting = threading.Event()
        self.let_go = threading.Event()

    async def answer(self, command: Message) -> AsyncGenerator[Message, None]:
        self.asked.append(command)
        match command["do"]:
            case "count":
                for number in range(command["to"]):
                    yield {"type": "number", "number": number}
            case "refuse":
                raise errors.TooLarge("for the log", hint="Up to 500 MB.")
            case "break":
                raise ZeroDivisionError("a mistake")
            case "wait":
                yield {"type": "first"}
                self.waiting.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.let_go.set()


@contextmanager
def a_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loops: queue.SimpleQueue[asyncio.AbstractEventLoop] = queue.SimpleQueue()
    stop = asyncio.Event()

    async def run() -> None:
        loops.put(asyncio.get_running_loop())
        await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    loop = loops.get(timeout=60)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def refused(kind: type[errors.ReelferryError], title: str) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.title == title


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.under(tmp_path).make()


@pytest.fixture
def answers(paths: Paths) -> Generator[Answers, None, None]:
    answers = Answers()
    owner = Owner.claim(paths)
    with a_loop() as loop:
        owner.serve(loop, answers.answer)
        try:
            yield answers
        finally:
            owner.close()


def test_a_second_engine_is_refused_until_the_first_is_closed(paths: Paths):
    owner = Owner.claim(paths)
    with pytest.raises(errors.QueueInUse):
        Owner.claim(paths)
    owner.close()
    Owner.claim(paths).close()


def test_a_command_is_answered_in_order_and_to_the_end(paths: Paths, answers: Answers):
    replies = list(ask(paths, {"do": "count", "to": 500, "word": "größer"}))
    assert [reply["number"] for reply in replies] == list(range(500))
    assert answers.asked == [{"do": "count", "to": 500, "word": "größer"}]


@pytest.mark.usefixtures("answers")
def test_a_refusal_arrives_as_the_same_error_in_the_same_words(paths: Paths):
    with pytest.raises(errors.TooLarge) as caught:
        list(ask(paths, {"do": "refuse"}))
    assert (caught.value.title, caught.value.hint) == ("The file is too large", "Up to 500 MB.")
    assert caught.value.detail == ""


@pytest.mark.loud
@pytest.mark.usefixtures("answers")
def test_a_mistake_of_the_owner_is_logged_there_and_told_without_details(
    paths: Paths, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(errors.Unexpected):
        list(ask(paths, {"do": "break"}))
    assert "ZeroDivisionError" in caplog.text


def test_several_processes_can_talk_to_the_owner_at_once(paths: Paths, answers: Answers):
    waiting = ask(paths, {"do": "wait"})
    assert next(waiting) == {"type": "first"}
    assert len(list(ask(paths, {"do": "count", "to": 3}))) == 3
    waiting.close()
    assert answers.let_go.wait(60)


ASKER = """
import sys
from pathlib import Path
from uploader.engine.instance import ask
from uploader.paths import Paths
for reply in ask(Paths.under(Path(sys.argv[1])), {"do": "wait"}):
    print(reply["type"], flush=True)
"""


def test_the_owner_lets_go_of_a_process_that_was_killed(paths: Paths, answers: Answers, tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout
        assert asker.stdout.readline() == "first\n"
        asker.kill()
    assert answers.let_go.wait(60)
    assert len(list(ask(paths, {"do": "count", "to": 1}))) == 1


def test_closing_the_owner_ends_the_conversations_in_words(paths: Paths):
    answers = Answers()
    owner = Owner.claim(paths)
    with a_loop() as loop:
        owner.serve(loop, answers.answer)
        waiting = ask(paths, {"do": "wait"})
        next(waiting)
        owner.close()
        with refused(errors.Interrupted, "The other Reelferry was closed"):
            next(waiting)
    assert answers.let_go.is_set()


OWNER = """
import asyncio, sys
from pathlib import Path
from uploader.engine.instance import Owner
from uploader.paths import Paths

async def answer(command):
    yield {"type": "mine"}
    await asyncio.Event().wait()

async def main():
    owner = Owner.claim(Paths.under(Path(sys.argv[1])))
    owner.serve(asyncio.get_running_loop(), answer)
    print("serving", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def another_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "serving\n"
            yield process
        finally:
            process.kill()


def test_when_the_owner_is_killed_the_asker_hears_of_it_and_the_place_is_free(paths: Paths, tmp_path: Path):
    with another_process(tmp_path) as process:
        with pytest.raises(errors.QueueInUse):
            Owner.claim(paths)
        waiting = ask(paths, {"do": "wait"})
        assert next(waiting) == {"type": "mine"}
        process.send_signal(signal.SIGKILL)
        with refused(errors.Interrupted, "The other Reelferry was closed"):
            next(waiting)
    with refused(errors.Interrupted, "The other Reelferry was closed"):
        list(ask(paths, {"do": "count", "to": 1}))
    owner, answers = Owner.claim(paths), Answers()
    with a_loop() as loop:
        owner.serve(loop, answers.answer)
        assert len(list(ask(paths, {"do": "count", "to": 2}))) == 2
        owner.close()


def test_an_owner_that_does_not_answer_is_in_use_after_a_while(paths: Paths):
    owner = Owner.claim(paths)
    with refused(errors.QueueInUse, "Reelferry is already running, but does not answer"):
        list(ask(paths, {"do": "count", "to": 1}, patience=0.2))
    owner.close()


@pytest.mark.usefixtures("answers")
def test_the_way_in_is_for_this_user_only_and_wants_the_key(paths: Paths):
    card = paths.data / "engine.json"
    assert stat.S_IMODE(card.stat().st_mode) == 0o600
    card.write_text(json.dumps({**json.loads(card.read_text()), "key": "00" * 32}))
    with pytest.raises(errors.QueueInUse):
        list(ask(paths, {"do": "count", "to": 1}, patience=0.2))


def test_another_version_is_told_so(paths: Paths, answers: Answers):
    old = subprocess.run(
        [sys.executable, "-c", "import uploader.engine.instance as i; i.VERSION = 0\n" + ASKER, str(paths.data.parent)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "QueueInUse: another version" in old.stderr
    assert answers.asked == []


def test_a_very_long_data_folder_is_no_obstacle(tmp_path: Path):
    paths = Paths.under(tmp_path / ("long" * 30)).make()
    owner, answers = Owner.claim(paths), Answers()
    with a_loop() as loop:
        owner.serve(loop, answers.answer)
        assert len(list(ask(paths, {"do": "count", "to": 2}))) == 2
        owner.close()
    assert not Path(owner._address).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no folder")
def test_a_long_path_gets_a_socket_elsewhere_which_goes_with_the_owner(tmp_path: Path):
    paths = Paths.under(tmp_path / ("long" * 30)).make()
    with a_loop() as loop:
        owner = Owner.claim(paths)
        owner.serve(loop, Answers().answer)
        socket = Path(json.loads((paths.data / "engine.json").read_bytes())["address"])
        assert socket.exists()
        assert paths.data not in socket.parents
        owner.close()
    assert not socket.parent.exists()
