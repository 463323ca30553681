"""Figures for Prometheus, on a port of their own that only this computer reaches."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from uploader.backend.jobs import waiting
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, now
from uploader.backend.videos import UNFINISHED

__all__ = ["LOOPBACK", "CollectorRegistry", "Requests", "State", "exported"]

LOOPBACK = "127.0.0.1"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Requests:
    """Counts requests: the observer of the access log. Routes are templates, so there are few of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("reelferry_requests_open", "Requests under way, event streams among them", registry=registry)
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

    def begun(self) -> None:
        """A request has come."""
        self._open.inc()

    def ended(self, method: str, route: str, status: int, seconds: float, received: int) -> None:
        """It is over."""
        self._open.dec()
        known = method if method in METHODS else "other"  # anybody can make up methods
        self._seconds.labels(known, route, str(status)).observe(seconds)
        if received:
            self._received.labels(route).inc(received)


class State(Collector):
    """What the database and the disk hold, looked up when somebody asks."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def describe(self) -> Iterator[Metric]:
        """Nothing: asking the database at registration would be too early."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment. `reelferry_database_up` 0: those of the database are missing."""
        up = GaugeMetricFamily("reelferry_database_up", "1 if the database answered")
        try:
            found = [self._videos(), *self._jobs()]
        except SQLAlchemyError:
            found = []
        up.add_metric([], float(bool(found)))
        yield up
        yield from found
        free = GaugeMetricFamily("reelferry_disk_free_bytes", "Free on the disk of the data folder")
        free.add_metric([], shutil.disk_usage(self._folder).free)
        yield free

    def _videos(self) -> Metric:
        figure = GaugeMetricFamily("reelferry_videos_unfinished", "Videos on their way", labels=["provider", "status"])
        query = select(Video.provider, Video.status, func.count()).where(Video.status.in_(UNFINISHED))
        with self._database.read() as session:
            for provider, status, count in session.execute(query.group_by(Video.provider, Video.status)):
                figure.add_metric([provider, status], count)
        return figure

    def _jobs(self) -> list[Metric]:
        lying = GaugeMetricFamily("reelferry_jobs_due", "Jobs that wait for a worker", labels=["kind"])
        oldest = GaugeMetricFamily("reelferry_jobs_oldest_seconds", "How long the oldest has waited", labels=["kind"])
        failed = GaugeMetricFamily("reelferry_jobs_given_up", "Jobs that failed for the last time", labels=["kind"])
        moment = now()
        due = select(JobRow.kind, func.count(), func.min(JobRow.run_at)).where(waiting(), JobRow.run_at <= moment)
        over = select(JobRow.kind, func.count()).where(JobRow.done_at.is_not(None), JobRow.error.is_not(None))
        with self._database.read() as session:
            for kind, count, since in session.execute(due.group_by(JobRow.kind)):
                lying.add_metric([kind], count)
                oldest.add_metric([kind], (moment - since).total_seconds())
            for kind, count in session.execute(over.group_by(JobRow.kind)):
                failed.add_metric([kind], count)
        return [lying, oldest, failed]


@contextmanager
def exported(counted: CollectorRegistry, database: Database, folder: Path, port: int) -> Iterator[str]:
    """Answers at the address given while the block runs; port 0 takes a free one. OSError if the port is taken."""
    registry = CollectorRegistry()
    registry.register(counted)
    registry.register(State(database, folder))
    ProcessCollector(registry=registry)
    server, thread = start_http_server(port, LOOPBACK, registry)
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
