"""The figures an operator sees, as Prometheus would read them."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.backend.asking import refused
from tests.backend.local.carry import carry, ended
from tests.backend.local.test_transcode_crash import port_to_keep
from tests.backend.server import client, config_in, serving, signed_in
from tests.media import clips
from uploader.backend import metrics
from uploader.backend.config import ConfigProblems
from uploader.backend.server import prepared
from uploader.backend.store.database import Database

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(url: str) -> tuple[Figures, str]:
    """Every sample, and the text."""
    text = httpx.get(url, trust_env=False).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}, text


def test_an_upload_is_counted_by_its_route_and_never_by_its_address(tmp_path: Path):
    port = port_to_keep()
    with serving(tmp_path / "server", METRICS_PORT=str(port)) as backend, signed_in(backend) as ann:
        clip = clips.h264(tmp_path / "clip.mp4")
        video_id = carry(ann, clip)
        assert ended(ann, video_id)["status"] == "ready"
        found, text = figures(f"http://127.0.0.1:{port}/metrics")
        assert found["reelferry_received_bytes_total", frozenset({("route", "/files/{upload_id}")})] == (
            clip.stat().st_size
        )
        patch = {("method", "PATCH"), ("route", "/files/{upload_id}"), ("status", "204")}
        assert found["reelferry_request_seconds_count", frozenset(patch)] == 1
        assert found["reelferry_database_up", frozenset()] == 1
        assert found["reelferry_disk_free_bytes", frozenset()] > 0
        assert found["process_resident_memory_bytes", frozenset()] > 0
        (path,) = (backend.config.data / "uploads").iterdir()
        assert path.name not in text
        assert video_id not in text
        with client(backend) as anybody:
            assert refused(anybody.get("/metrics")) == (404, "not_found"), "only on its own port"


def test_methods_that_somebody_made_up_share_one_figure(tmp_path: Path):
    registry = metrics.CollectorRegistry()
    requests = metrics.Requests(registry)
    for method in ("BREW", "WHEN", "GET"):
        requests.begun()
        requests.ended(method, "-", 405, 0.1, 0)
    database = Database(f"sqlite:///{tmp_path}/nowhere/db")
    with metrics.exported(registry, database, tmp_path, 0) as url:
        found, _ = figures(url)
    database.close()
    counted = {dict(labels)["method"]: n for (name, labels), n in found.items() if name.endswith("seconds_count")}
    assert counted == {"other": 2, "GET": 1}
    assert found["reelferry_requests_open", frozenset()] == 0
    assert found["reelferry_database_up", frozenset()] == 0, "a database that is down is a figure, not a mistake"


def test_a_port_for_figures_that_is_taken_stops_the_start(tmp_path: Path):
    with serving(tmp_path / "one") as other:
        port = other.base_url.rpartition(":")[2]
        with pytest.raises(ConfigProblems) as refusal, prepared(config_in(tmp_path / "two", METRICS_PORT=port)):
            pass
    assert refusal.value.problems == [f"Cannot listen on 127.0.0.1 port {port} (METRICS_PORT): Address already in use."]
