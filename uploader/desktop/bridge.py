"""Where the two threads meet. Nothing else is shared between the window and the engine."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import QObject, Signal

from uploader.desktop import tokens
from uploader.desktop.gathering import Gathering
from uploader.engine.facts import Fact

log = logging.getLogger(__name__)

E = TypeVar("E")
T = TypeVar("T")
Emit = Callable[[Fact], None]
Open = Callable[[Emit], AbstractAsyncContextManager[E]]


class Doing:
    """One command under way. `cancel` may be called from the GUI thread at any time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Stop it; neither answer will come."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self.task and self.task.cancel())


class Bridge(QObject, Generic[E]):
    """Runs an asyncio loop on a thread of its own, with one engine open on it at a time.

    `happened` hands the GUI thread a tuple of facts, at most ten times a second. Commands run on the loop, in the order
    given; their results and failures come back on the GUI thread.
    """

    happened = Signal(object)
    _answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._tasks: set[asyncio.Task[None]] = set()
        self._engine: asyncio.Future[E] = self.loop.create_future()
        self._closing: asyncio.Event | None = None
        self._one_at_a_time = asyncio.Lock()
        self._stopped = False
        self._answered.connect(self._hear)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the engine, end the loop, join the thread. After this nothing runs beside Qt and no answer comes."""
        self._stopped = True
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop).result()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
        if not self.loop.is_closed():
            self.loop.close()

    def open(self, make: Open[E], then: Callable[[E], object], otherwise: Callable[[Exception], object]) -> None:
        """Close the engine that is open, if any, and open the one that `make` makes."""

        async def opening() -> E:
            async with self._one_at_a_time:
                await self._close()
                return await self._open(make)

        self.run(opening, then, otherwise)

    def do(
        self,
        command: Callable[[E], Any],
        then: Callable[[Any], object] | None = None,
        otherwise: Callable[[Exception], object] | None = None,
    ) -> Doing:
        """Have the engine do something; before it is open, as soon as it is. What is awaitable is awaited."""

        async def doing() -> object:
            done = command(await asyncio.shield(self._engine))
            return await done if isinstance(done, Awaitable) else done

        return self.run(doing, then, otherwise)

    def run(
        self,
        work: Callable[[], Awaitable[T]],
        then: Callable[[T], object] | None = None,
        otherwise: Callable[[Exception], object] | None = None,
    ) -> Doing:
        """Run a coroutine on the loop."""

        async def running() -> None:
            try:
                result = await work()
            except Exception as error:  # noqa: BLE001  (the door between the threads: whoever asked is told)
                self._fail(error, otherwise)
            else:
                if then is not None:
                    self.answer(lambda: then(result))

        doing = Doing(self.loop)

        def begin() -> None:
            doing.task = task = self.loop.create_task(running())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.loop.call_soon_threadsafe(begin)
        return doing

    @property
    def engine(self) -> E | None:
        """The engine that is open now. For the loop's side."""
        return self._engine.result() if self._engine.done() else None

    def answer(self, call: Callable[[], object]) -> None:
        """Have the GUI thread call this. For the loop's side."""
        self._answered.emit(call)

    def _hear(self, answer: Callable[[], object]) -> None:
        if not self._stopped:
            answer()

    def _fail(self, error: Exception, otherwise: Callable[[Exception], object] | None) -> None:
        if otherwise is not None:
            self.answer(lambda: otherwise(error))
        elif isinstance(error, (KeyError, ValueError)):
            log.info("a command came too late: %r", error)
        else:
            log.error("a command failed", exc_info=error)

    async def _open(self, make: Open[E]) -> E:
        """Enter and leave the engine's context in one task, as its task groups demand."""
        opened: asyncio.Future[E] = self.loop.create_future()
        closing = asyncio.Event()
        gathering = Gathering(self.loop, self.happened.emit, tokens.FACTS / 1000)

        async def living() -> None:
            try:
                async with make(gathering.add) as engine:
                    opened.set_result(engine)
                    await closing.wait()
            except Exception as error:
                if opened.done():
                    raise
                opened.set_exception(error)
            finally:
                gathering.flush()

        life = self.loop.create_task(living())
        engine = await opened
        self._closing, self._life = closing, life
        self._engine.set_result(engine)
        return engine

    async def closed(self) -> None:
        """Close the engine; commands given from now on wait for the next one. For the loop's side.

        One that is just being opened is opened first: broken off half way it would leave a thread behind.
        """
        async with self._one_at_a_time:
            await self._close()

    async def _close(self) -> None:
        if self._closing is None:
            return
        closing, self._closing = self._closing, None
        self._engine = self.loop.create_future()
        closing.set()
        await self._life

    async def _wind_down(self) -> None:
        await self.closed()
        tasks: set[asyncio.Task[Any]] = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_default_executor()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
