"""The figures an operator sees, as Prometheus would read them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.backend.asking import eventually, new_video, ready_event, refused, tell
from tests.backend.fake_provider import FakeProvider
from tests.backend.figures import PATIENCE, Read, at_rest
from tests.backend.local.carry import carry, ended
from tests.backend.local.test_transcode_crash import port_to_keep
from tests.backend.server import client, config_in, serving, signed_in
from tests.media import clips
from tests.test_operate_document import figures_told
from uploader.backend import metrics
from uploader.backend.config import ConfigProblems
from uploader.backend.context import Backend
from uploader.backend.figures import Figures
from uploader.backend.observer import Observer
from uploader.backend.providers import PROVIDERS
from uploader.backend.providers.base import Provider, ProviderFailed
from uploader.backend.server import prepared, running
from uploader.backend.store.database import Database
from uploader.backend.timed import Timed
from uploader.backend.webhooks import TOLERANCE, sign_timed
from uploader.errors import DiskFull


@pytest.mark.one_database("what is counted, and where it is shown")
def test_an_upload_is_counted_by_its_route_never_by_its_address_and_every_figure_is_documented(tmp_path: Path):
    port = port_to_keep()
    with serving(tmp_path / "server", METRICS_PORT=str(port)) as backend, signed_in(backend) as ann:
        clip = clips.h264(tmp_path / "clip.mp4")
        video_id = carry(ann, clip)
        assert ended(ann, video_id)["status"] == "ready"
        url = f"http://127.0.0.1:{port}/metrics"
        for kind in ("transcode", "deliver_webhook"):
            eventually(partial(done, url, kind), PATIENCE)
        found = at_rest(url)
        route = "/files/{upload_id}"
        assert found.of("reelferry_received_bytes_total", route=route) == clip.stat().st_size
        assert found.of("reelferry_request_seconds_count", method="PATCH", route=route, status="204") == 1
        assert found.of("reelferry_webhooks_total", provider="local", result="accepted") == 1
        assert found.all_of("reelferry_provider_request_seconds_count", operation="grant", answer="ok") == 1
        assert found.of("reelferry_database_up") == 1
        assert (found.of("reelferry_disk_free_bytes") or 0) > 0
        assert (found.of("process_resident_memory_bytes") or 0) > 0
        (path,) = (backend.config.data / "uploads").iterdir()
        assert path.name not in found.text
        assert video_id not in found.text
        shown = re.findall(r"^# TYPE (reelferry_\w+)", found.text, re.MULTILINE)
        assert sorted(figures_told()) == sorted(name for name in shown if not name.endswith("_created"))
        with client(backend) as anybody:
            assert refused(anybody.get("/metrics")) == (404, "not_found"), "only on its own port"


def done(url: str, kind: str) -> bool:
    return Read(url).of("reelferry_job_seconds_count", kind=kind, result="done") == 1


def test_methods_that_somebody_made_up_share_one_figure(tmp_path: Path):
    figures = Figures()
    for method in ("BREW", "WHEN", "GET"):
        figures.begun()
        figures.ended(method, "-", 405, 0.1, 0)
    database = Database(f"sqlite:///{tmp_path}/nowhere/db")
    with metrics.exported(figures.counted, metrics.State(database, tmp_path), 0) as url:
        found = Read(url)
    database.close()
    counted = {dict(labels)["method"]: n for (name, labels), n in found.items() if name.endswith("seconds_count")}
    assert counted == {"other": 2, "GET": 1}
    assert found.of("reelferry_requests_open") == 0
    assert found.of("reelferry_database_up") == 0, "a database that is down is a figure, not a mistake"


@pytest.mark.one_database("what is counted")
def test_what_became_of_each_webhook_is_counted_by_who_sent_it(tmp_path: Path):
    config = config_in(tmp_path, MUX_TOKEN_ID="i", MUX_TOKEN_SECRET="s", MUX_WEBHOOK_SECRET="hunter5")
    made = {"local": FakeProvider, "mux": PROVIDERS["mux"]}
    with running(replace(config, metrics_port=0), made) as backend, signed_in(backend) as ann:
        video_id = new_video(ann)
        for _ in range(2):
            tell(backend, ready_event(video_id))
        tell(backend, ready_event("somebody else's"))
        tell(backend, ready_event(video_id, "another") | {"type": "video.asset.created"})
        tell(backend, ready_event(video_id), "sha256=" + "0" * 64)
        tell(backend, b"no JSON")
        with client(backend) as sender:
            post(sender, {})
            moment = int(backend.clock().timestamp())
            for late in (TOLERANCE + 60, -TOLERANCE - 60):
                signature = sign_timed("hunter5", moment - late, b"{}")
                post(sender, {"mux-signature": f"t={moment - late},v1={signature}"})
            post(sender, {"mux-signature": f"t={moment - TOLERANCE - 60},v1={'0' * 64}"})
        assert webhooks(backend) == {
            ("local", "accepted"): 1,
            ("local", "duplicate"): 1,
            ("local", "unknown"): 1,
            ("local", "ignored"): 1,
            ("local", "forged"): 1,
            ("local", "unreadable"): 1,
            ("-", "unsigned"): 1,
            ("mux", "too_old"): 2,
            ("mux", "forged"): 1,
        }


def post(sender: httpx.Client, headers: dict[str, str]) -> None:
    assert sender.post("/api/webhooks/video-processing", content=b"{}", headers=headers).status_code == 401


def webhooks(backend: Backend) -> dict[tuple[str, str], float]:
    counted = cast("Figures", backend.observer).counted.collect()
    samples = [sample for family in counted if family.name == "reelferry_webhooks" for sample in family.samples]
    totals = [sample for sample in samples if sample.name.endswith("_total")]
    return {(sample.labels["provider"], sample.labels["result"]): sample.value for sample in totals}


@pytest.mark.one_database("none is opened")
def test_a_call_to_a_provider_is_timed_however_it_ends():
    class Told(Observer):
        def called(self, *what: object) -> None:
            heard.append(what)

    class Moody:
        name, protocols, signature_header = "shelf", ("tus",), "x"
        look_every, most_together, later_heights = None, 1, ()
        moods: Iterator[Callable[[], None]]

        def forget(self, upload_id: str) -> None:
            next(self.moods)()

    def fails(error: Exception) -> Callable[[], None]:
        def fail() -> None:
            raise error

        return fail

    heard: list[tuple[object, ...]] = []
    errors = [ProviderFailed("no"), ProviderFailed("busy", passing=True), DiskFull(), OSError()]
    moody = Moody()
    moody.moods = iter([lambda: None, *map(fails, errors)])
    timed = Timed(cast("Provider", moody), Told())
    timed.forget("x")
    for error in errors:
        with pytest.raises(type(error)):
            timed.forget("x")
    assert [what[:3] for what in heard] == [
        ("shelf", "forget", answer) for answer in ("ok", "refused", "unavailable", "unavailable", "broken")
    ]
    assert all(isinstance(what[3], float) and what[3] >= 0 for what in heard)


@pytest.mark.one_database("no figure is read")
def test_a_port_for_figures_that_is_taken_stops_the_start(tmp_path: Path):
    with serving(tmp_path / "one") as other:
        port = other.base_url.rpartition(":")[2]
        with pytest.raises(ConfigProblems) as refusal, prepared(config_in(tmp_path / "two", METRICS_PORT=port)):
            pass
    assert refusal.value.problems == [f"Cannot listen on 127.0.0.1 port {port} (METRICS_PORT): Address already in use."]
