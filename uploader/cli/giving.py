"""A command of the queue on its way: given to the engine, its replies passed on, and the exit code that follows."""

from collections.abc import Iterable
from typing import Any

import typer

from uploader.cli import reach
from uploader.cli.ending import Exit, talking
from uploader.cli.tell import Teller
from uploader.engine.instance import Message
from uploader.paths import Paths


class Outcome:
    """Passes replies on and remembers how it ended."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell
        self._refused = False
        self.jobs: dict[str, Message] = {}

    def follow(self, replies: Iterable[Message]) -> None:
        """Say them all. `jobs` has the last word on each."""
        for reply in replies:
            self._tell.message(reply)
            self._refused = self._refused or reply["type"] == "refused"
            if reply["type"] == "job":
                self.jobs[reply["id"]] = reply

    def end(self) -> None:
        """Leave with `Exit.FAILED` if anything was refused or failed."""
        if self._refused or any(job["status"] == "failed" for job in self.jobs.values()):
            raise typer.Exit(Exit.FAILED)


def give(command: dict[str, Any], as_json: bool, *, run: bool = False) -> None:
    """Give one command and say the replies. With `run` it is waited for, and a job that failed is a failure of ours."""
    reached = reach.engine(Paths.of_user(), run=run, online=asks_the_server(command))
    with talking(as_json, moving=run) as tell, reached as engine:
        outcome = Outcome(tell)
        outcome.follow(engine.ask(command))
        if not outcome.jobs:
            tell.say("There is nothing to wait for." if run else "The queue is empty.")
    if run:
        outcome.end()


def asks_the_server(command: Message) -> bool:
    """Whether what it means depends on what the server offers."""
    return command.get("community") is not None or command.get("minHeight") is not None
