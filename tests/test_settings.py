import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from uploader.settings import LOCAL, Settings, change, keep_uplink, load, save
from uploader.uplink import Week


def test_no_file_means_defaults(tmp_path: Path):
    assert load(tmp_path / "settings.json") == Settings()


def test_what_was_saved_is_loaded_again(tmp_path: Path):
    path = tmp_path / "config" / "settings.json"
    chosen = Settings(server="https://video.example", slots=3, appearance="dark", last_community="Kino für Ältere")
    save(path, chosen)
    assert load(path) == chosen


def test_the_file_is_readable_by_people_and_leaves_no_draft_behind(tmp_path: Path):
    path = tmp_path / "settings.json"
    save(path, Settings(server=LOCAL, last_community="Kino für Ältere"))
    assert '"last_community": "Kino für Ältere"' in path.read_text(encoding="utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_keys_of_a_newer_version_survive_a_change(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"slots": 2, "hologram": {"depth": 3}}), encoding="utf-8")
    save(path, replace(load(path), slots=4))
    assert json.loads(path.read_text(encoding="utf-8"))["hologram"] == {"depth": 3}
    assert load(path).slots == 4


@pytest.mark.loud
@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"null", b"\xff\xfe\x00", b"7"])
def test_a_file_that_is_no_settings_file_becomes_defaults_and_is_kept_aside(
    tmp_path: Path, raw: bytes, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "settings.json"
    path.write_bytes(raw)
    assert load(path) == Settings()
    assert (tmp_path / "settings.bad.json").read_bytes() == raw
    assert "settings.bad.json" in caplog.text


@pytest.mark.loud
@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("server", 7),
        ("server", "ftp://somewhere"),
        ("server", "https://"),
        ("server", "https://x/?token=1"),
        ("proxy", "ftp://proxy:21"),
        ("proxy", "http://proxy"),
        ("proxy", "http://ada:secret@proxy:80"),
        ("proxy", "http://proxy:99999"),
        ("proxy", "http://a:b:80"),
        ("certificates", 7),
        ("pause_when_metered", "yes"),
        ("slots", 0),
        ("slots", 99),
        ("slots", "2"),
        ("slots", True),
        ("limit", 0),
        ("limit", "fast"),
        ("scheduled", 1),
        ("schedule", ["0 full"]),
        ("schedule", {"monday": "0 full"}),
        ("schedule", [7] * 7),
        ("full_speed_until", "tomorrow"),
        ("appearance", "neon"),
        ("last_community", ["a"]),
    ],
)
def test_one_senseless_value_falls_back_alone_and_the_file_is_kept_aside(
    tmp_path: Path, name: str, nonsense: object, caplog: pytest.LogCaptureFixture
):
    sound = {"server": LOCAL, "slots": 2, "appearance": "light", "last_community": "films"}
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({**sound, name: nonsense}), encoding="utf-8")
    expected = replace(Settings(**sound), **{name: getattr(Settings(), name)})  # type: ignore[arg-type]
    assert load(path) == expected
    assert json.loads((tmp_path / "settings.bad.json").read_text(encoding="utf-8"))[name] == nonsense
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert name in caplog.text


@pytest.mark.parametrize("slots", [5, 8])
def test_as_many_at_once_as_an_older_version_allowed_become_as_many_as_there_may_be(tmp_path: Path, slots: int):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"slots": slots, "server": LOCAL}), encoding="utf-8")
    assert load(path) == Settings(server=LOCAL, slots=4)
    assert not (tmp_path / "settings.bad.json").exists()


def test_a_week_and_an_hour_are_loaded_as_they_were_saved(tmp_path: Path):
    path = tmp_path / "settings.json"
    chosen = Settings(
        limit=500_000,
        scheduled=True,
        schedule=Week().with_cells([8, 9], 250_000).with_cells([167], 0),
        full_speed_until=datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC),
    )
    save(path, chosen)
    assert load(path) == chosen
    assert '"0 full, 8 250000, 10 full"' in path.read_text(encoding="utf-8")
    keep_uplink(path, replace(chosen.uplink, limit=None))
    assert load(path) == replace(chosen, limit=None)


def test_addresses_on_this_computer_and_with_a_path_are_sound(tmp_path: Path):
    path = tmp_path / "settings.json"
    for server in ("http://127.0.0.1:8000", "https://example.org/reelferry", LOCAL):
        save(path, Settings(server=server))
        assert load(path).server == server


def test_a_change_keeps_what_somebody_else_wrote_meanwhile(tmp_path: Path):
    path = tmp_path / "settings.json"
    save(path, Settings(server=LOCAL, slots=2))
    assert change(path, appearance="dark") == Settings(server=LOCAL, slots=2, appearance="dark")
    assert load(path) == Settings(server=LOCAL, slots=2, appearance="dark")


def test_changes_from_many_threads_all_arrive(tmp_path: Path):
    path = tmp_path / "settings.json"
    save(path, Settings())
    names = {"server": LOCAL, "slots": 3, "appearance": "light", "last_community": "films", "told_about_closing": True}
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: change(path, **{name: names[name]}), names))
    assert load(path) == Settings(**names)  # type: ignore[arg-type]
