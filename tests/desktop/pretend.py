"""Stands where the bridge to the queue stands, and writes down what the window wants of it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.desktop.jobs import a_job
from uploader.engine.drop import Refusal
from uploader.engine.job import Draft, Job

Wish = tuple[object, ...]


class Wishes:
    """Called as the window calls its queue. `made` holds ("pause", id), ("write", id, {"text": …}), …

    `add` is answered by `answer`, on the spot.
    """

    def __init__(self) -> None:
        self.made: list[Wish] = []
        self.added: tuple[list[Job], list[Refusal]] = ([a_job(900)], [])

    def __call__(
        self,
        command: Callable[[Any], Awaitable[Any] | Any],
        then: Callable[[Any], object] | None = None,
        otherwise: Callable[[Exception], object] | None = None,
    ) -> object:
        result = command(self)
        if then is not None:
            then(result)
        return None

    def __getattr__(self, name: str) -> Callable[..., None]:
        def wished(*arguments: object, **fields: object) -> None:
            self.made.append((name, *arguments, *([fields] if fields else [])))

        return wished

    def add(self, paths: list[Path], draft: Draft) -> tuple[list[Job], list[Refusal]]:
        """Take everything."""
        self.made.append(("add", list(paths), draft.community_id))
        return self.added
