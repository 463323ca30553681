"""How the command line says things: JSON lines for programs, bars on a terminal, plain lines elsewhere."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from uploader.cli import words
from uploader.engine.instance import Message
from uploader.errors import ReelferryError

SHORT_ID = 8


class Teller(Protocol):
    """Where everything the user gets to read goes through."""

    def message(self, message: Message) -> None:
        """A reply of the engine."""
        ...

    def say(self, text: str) -> None:
        """A sentence for people; programs do not get it."""
        ...

    def error(self, error: ReelferryError) -> None:
        """Why the command did not do what it was asked."""
        ...


class JsonLines:
    """One object a line on stdout, errors as well: `{"error", "code"}`."""

    def message(self, message: Message) -> None:
        """The object as the engine gave it."""
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Nothing: programs read objects."""

    def error(self, error: ReelferryError) -> None:
        """The reason as an object."""
        self.message({"error": words.sentence(error.title, error.hint), "code": error.code})


class Lines:
    """A line whenever a job gets to another stage; troubles on stderr."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._said: dict[str, str] = {}

    def message(self, message: Message) -> None:
        """A job's stage, if it is not the one said last; a post; a refusal."""
        match message["type"]:
            case "job":
                line = f"{message['id'][:SHORT_ID]}  {words.stage(message)}  {message['title']}"
                if self._said.get(message["id"]) != line:
                    self._said[message["id"]] = line
                    self.say(line)
            case "post":
                self.say(f"{message['id'][:SHORT_ID]}  {words.post(message)}  {words.post_name(message)}")
            case "refused":
                reason = words.sentence(message["error"], message["hint"])
                self._err.print(f"{message['file']}: {reason} [{message['code']}]", markup=False)

    def say(self, text: str) -> None:
        """On stdout."""
        self.out.print(text, markup=False)

    def error(self, error: ReelferryError) -> None:
        """On stderr, with its code."""
        self._err.print(f"{words.sentence(error.title, error.hint)} [{error.code}]", markup=False)


class Bars(Lines):
    """A progress bar a job."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.out = progress.console
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def message(self, message: Message) -> None:
        """Move the job's bar."""
        if message["type"] != "job":
            super().message(message)
            return
        job_id = message["id"]
        if job_id not in self._bars:
            self._bars[job_id] = self._progress.add_task("", total=100, words="", title="")
        rate = f" · {words.size(message['rate'])}/s" if message["rate"] and message["step"] == "transfer" else ""
        self._progress.update(
            self._bars[job_id],
            completed=words.percent(message),
            title=escape(message["title"]),
            words=escape(words.words(message) + rate),
        )


@contextmanager
def teller(*, as_json: bool, moving: bool = False) -> Iterator[Teller]:
    """The right one for where the output goes; bars only where something moves."""
    if as_json:
        yield JsonLines()
    elif moving and Console().is_terminal:
        columns = (
            TextColumn("{task.fields[title]}", table_column=Column(max_width=32, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[words]}"),
        )
        with Progress(*columns) as progress:
            yield Bars(progress)
    else:
        yield Lines()
