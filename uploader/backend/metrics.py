"""Figures for Prometheus, on a port of their own that only this computer reaches."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from uploader.backend.jobs import waiting
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video, now
from uploader.backend.videos import UNFINISHED

LOOPBACK = "127.0.0.1"


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
def exported(counted: Collector, state: Collector, port: int) -> Iterator[str]:
    """Answers at the address given while the block runs; port 0 takes a free one. OSError if the port is taken."""
    registry = CollectorRegistry()
    registry.register(counted)
    registry.register(state)
    ProcessCollector(registry=registry)
    server, thread = start_http_server(port, LOOPBACK, registry)
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
