"""Counts what happens in a server: in this process alone, or in files that several processes write and one adds up."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from uploader.backend.observer import Answer, Heard, Observer, Worked

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
CALLED_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WORKED_SECONDS = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)


class Figures(Observer):
    """Counts what it hears of. Routes are templates and kinds are named in the program, so there are few of them.

    In `folder` several processes count together, each in files of its own: `place` is a number that no other living one
    has. Whoever has it next goes on from where this one ended, however it ended. One choice for the whole process.
    `counted` tells the figures: of this process, or of all that count into the folder, added up.
    """

    def __init__(self, folder: Path | None = None, place: int = 0) -> None:
        registry = CollectorRegistry()
        self.counted: Collector = registry if folder is None else Together(folder)
        self._folder = folder
        if folder is not None:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
            values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
        self._open = Gauge(
            "reelferry_requests_open",
            "Requests under way, event streams among them",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._streams = Gauge(
            "reelferry_streams_open",
            "Event streams that somebody reads",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._seconds = Histogram(
            "reelferry_request_seconds",
            "From the first line of a request to the end of its reply",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._received = Counter(
            "reelferry_received_bytes", "Bytes of bodies that were read", ["route"], registry=registry
        )
        self._called = Histogram(
            "reelferry_provider_request_seconds",
            "From asking a provider for something to its answer, further tries included",
            ["provider", "operation", "answer"],
            buckets=CALLED_SECONDS,
            registry=registry,
        )
        self._heard = Counter(
            "reelferry_webhooks", "Webhooks, and what became of them", ["provider", "result"], registry=registry
        )
        self._worked = Histogram(
            "reelferry_job_seconds",
            "From taking up a job to letting go of it",
            ["kind", "result"],
            buckets=WORKED_SECONDS,
            registry=registry,
        )
        self._replaced = Counter(
            "reelferry_processes_replaced", "Processes that answered and ended by themselves", registry=registry
        )

    def begun(self) -> None:
        """A request has come."""
        self._open.inc()

    def ended(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        """It is over. What is not open any more has been counted."""
        known = method if method in METHODS else "other"  # anybody can make up methods
        self._seconds.labels(known, route, str(status)).observe(seconds)
        if received:
            self._received.labels(route).inc(received)
        self._open.dec()

    def streaming(self) -> AbstractContextManager[object]:
        """An event stream is open while the block runs."""
        return self._streams.track_inprogress()

    def called(self, provider: str, operation: str, answer: Answer, seconds: float) -> None:
        """A provider was asked for something."""
        self._called.labels(provider, operation, answer).observe(seconds)

    def heard(self, provider: str, result: Heard) -> None:
        """A webhook has come."""
        self._heard.labels(provider, result).inc()

    def worked(self, kind: str, result: Worked, seconds: float) -> None:
        """A worker has let go of a job."""
        self._worked.labels(kind, result).observe(seconds)

    def replaced(self, place: int) -> None:
        """A process that answered has ended by itself: what was open in it is closed."""
        if self._folder is not None:
            mark_process_dead(place, str(self._folder))  # type: ignore[no-untyped-call]
        self._replaced.inc()


class Together(Collector):
    """The figures of all processes that count into a folder, added up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterator[Metric]:
        """Nothing: there is none yet."""
        return iter(())

    def collect(self) -> Iterable[Metric]:
        """The sums of this moment."""
        files = [str(path) for path in self._folder.glob("*.db") if _begun(path)]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


def _begun(path: Path) -> bool:
    """Whether anything is in it: a file is empty for a moment, and may be gone when its process has ended."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False
