"""One event stream for all jobs that wait for their videos; where it cannot be had, they ask as if there were none."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from uploader.engine.clock import Clock
from uploader.errors import ReelferryError
from uploader.wire import VideoStatus

log = logging.getLogger(__name__)

SOONEST, LATEST = 1.0, 60.0
"""Seconds before a stream that has ended is opened again."""

Stream = Callable[[], AsyncGenerator[VideoStatus | None, None]]


class Ear:
    """Hears what the stream says about one video."""

    def __init__(self, news: "News", clock: Clock) -> None:
        self._news = news
        self._clock = clock
        self._said: VideoStatus | None = None
        self._woken = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether the stream speaks: then asking is only needed lest it be wrong."""
        return self._news.live

    async def hear(self, within: float) -> VideoStatus | None:
        """The latest word within so many seconds. None: nothing was said, or the stream has just ended."""
        await self._clock.nap(within, self._woken)
        self._woken.clear()
        said, self._said = self._said, None
        return said

    def take(self, said: VideoStatus | None) -> None:
        """A word, which is then the latest; None has whoever waits look for itself."""
        self._said = said or self._said
        self._woken.set()


class News:
    """Keeps the stream open while anybody listens and the server offers one. Lives on the engine's loop."""

    def __init__(
        self,
        stream: Stream | None = None,
        offered: Callable[[], bool] = bool,
        clock: Clock = Clock(),  # noqa: B008  (frozen)
    ) -> None:
        self.live = False
        self._stream = stream
        self._offered = offered
        self._clock = clock
        self._ears: dict[str, set[Ear]] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def about(self, video_id: str, clock: Clock) -> Iterator[Ear]:
        """An ear for this video; its patience goes by `clock`."""
        ear = Ear(self, clock)
        self._ears.setdefault(video_id, set()).add(ear)
        if self._task is None and self._stream is not None:
            self._task = asyncio.create_task(self._run(self._stream), name="news")
        try:
            yield ear
        finally:
            self._ears[video_id].discard(ear)
            if not self._ears[video_id]:
                del self._ears[video_id]
            if not self._ears and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _run(self, stream: Stream) -> None:
        pause = SOONEST
        while True:
            if self._offered():
                try:
                    async with aclosing(stream()) as said:
                        async for status in said:
                            self.live = True
                            pause = SOONEST
                            self._tell(status)
                except ReelferryError as error:
                    log.info("no event stream: %s", error)
                finally:
                    self._end()
            await self._clock.wait(pause * (0.5 + self._clock.random() / 2))
            pause = min(pause * 2, LATEST)

    def _tell(self, status: VideoStatus | None) -> None:
        if status is not None:
            for ear in self._ears.get(status.video_id, ()):
                ear.take(status)

    def _end(self) -> None:
        """Whoever relied on the stream asks at once."""
        if self.live:
            self.live = False
            for ears in self._ears.values():
                for ear in ears:
                    ear.take(None)
