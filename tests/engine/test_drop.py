"""A path becomes a job, or a refusal in words."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.nobody import let_through, no_superuser
from uploader.engine import drop
from uploader.engine.job import Draft, Status, Step
from uploader.errors import FileMissing
from uploader.wire import ServerConfig

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LIMITS = ServerConfig(
    version="1", max_bytes=500 * 2**20, max_duration_seconds=3600, accepted_types=("video/*",), protocols=("tus",)
)

HEADS = {
    "mp4": b"\x00\x00\x00\x20ftypisom",
    "mov": b"\x00\x00\x00\x14ftypqt  ",
    "old mov": b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat",
    "matroska": b"\x1a\x45\xdf\xa3\x01\x00",
    "avi": b"RIFF\x00\x00\x00\x00AVI LIST",
    "flv": b"FLV\x01\x05",
    "wmv": bytes.fromhex("3026b2758e66cf11a6d9"),
    "mpeg": b"\x00\x00\x01\xba\x44",
    "ts": (b"\x47" + bytes(187)) * 3,
    "m2ts": (bytes(4) + b"\x47" + bytes(187)) * 3,
    "ogg": b"OggS\x00\x02",
}
NOT_VIDEO = {
    "text": b"Dear diary",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "heic": b"\x00\x00\x00\x18ftypheic",
    "m4a": b"\x00\x00\x00\x20ftypM4A ",
    "wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "a letter G": b"Good morning" + bytes(400),
    "zip": b"PK\x03\x04",
    "one byte": b"\x47",
}


def a_file(folder: Path, name: str, content: bytes = b"something") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def codes(refusals: list[drop.Refusal]) -> list[str]:
    return [refusal.error.code for refusal in refusals]


@pytest.mark.parametrize("ending", ["mp4", "MOV", "webm", "Mkv", "avi", "m2ts", "3gp"])
def test_endings_of_video_files_are_taken(tmp_path: Path, ending: str) -> None:
    path = a_file(tmp_path, f"a.{ending}")
    assert drop.judge([path], None) == ([path], [])


@pytest.mark.parametrize("kind", HEADS)
def test_other_endings_are_taken_if_the_first_bytes_are_those_of_a_video(tmp_path: Path, kind: str) -> None:
    path = a_file(tmp_path, "clip.bin", HEADS[kind] + bytes(1000))
    assert drop.judge([path], None) == ([path], [])


@pytest.mark.parametrize("kind", NOT_VIDEO)
@pytest.mark.parametrize("name", ["a.bin", "a", "a.txt"])
def test_what_is_no_video_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    _, refusals = drop.judge([a_file(tmp_path, name, NOT_VIDEO[kind])], None)
    assert codes(refusals) == ["not_a_video"]


def test_a_program_in_typescript_is_not_a_transport_stream(tmp_path: Path) -> None:
    program = a_file(tmp_path, "queue.ts", b"export const queue = 1;")
    stream = a_file(tmp_path, "film.ts", HEADS["ts"])
    takes, refusals = drop.judge([program, stream], None)
    assert takes == [stream]
    assert codes(refusals) == ["not_a_video"]
    assert drop.expand([tmp_path]) == ([stream], [])


def test_each_refusal_names_its_path_and_has_words(tmp_path: Path) -> None:
    empty = a_file(tmp_path, "empty.mp4", b"")
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(500 * 2**20 + 1)
    missing = tmp_path / "missing.mp4"
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    takes, refusals = drop.judge([empty, large, missing, pipe], LIMITS)
    assert takes == []
    assert codes(refusals) == ["file_empty", "file_too_large", "file_missing", "not_a_file"]
    assert [refusal.path for refusal in refusals] == [empty, large, missing, pipe]
    assert all(refusal.error.title and refusal.error.hint for refusal in refusals)
    assert "500 MB" in refusals[1].error.hint


def test_without_knowing_the_limits_size_is_no_reason(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(10 * 2**30)
    assert drop.judge([large], None) == ([large], [])


def test_a_file_exactly_at_the_limit_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        file.truncate(500 * 2**20)
    assert drop.judge([path], LIMITS)[1] == []


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.mp4")
    let_through(tmp_path)
    path.chmod(0)
    with no_superuser():
        _, refusals = drop.judge([path], None)
    assert codes(refusals) == ["file_unreadable"]


def test_a_folder_nobody_may_look_into_is_refused_and_so_is_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    inside = a_file(folder, "a.mp4")
    let_through(tmp_path)
    folder.chmod(0)
    with no_superuser():
        _, refusals = drop.expand([folder])
        _, more = drop.judge([inside], None)
    folder.chmod(0o700)
    assert codes(refusals + more) == ["file_unreadable", "file_unreadable"]


def test_a_folder_is_its_videos_at_any_depth_by_name(tmp_path: Path) -> None:
    wanted = [
        a_file(tmp_path, "b.mp4"),
        a_file(tmp_path, "C.mov"),
        a_file(tmp_path, "a/one.webm"),
        a_file(tmp_path, "a/deep/er/ü #2.mkv"),
    ]
    for name in (".hidden.mp4", ".git/x.mp4", "notes.txt", "cover.jpg", "a/sub.srt", "a/._one.webm"):
        a_file(tmp_path, name)
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    found, refusals = drop.expand([tmp_path])
    assert sorted(found) == sorted(wanted)
    assert found == [wanted[0], wanted[1], wanted[2], wanted[3]]
    assert refusals == []


def test_a_folder_without_videos_says_so(tmp_path: Path) -> None:
    a_file(tmp_path, "notes.txt")
    _, refusals = drop.expand([tmp_path])
    assert codes(refusals) == ["not_a_video"]
    assert "folder" in refusals[0].error.title


def test_judging_a_folder_does_not_look_into_it(tmp_path: Path) -> None:
    a_file(tmp_path, "a.mp4", b"")
    assert drop.judge([tmp_path], LIMITS) == ([tmp_path], [])


def test_a_new_job_waits_at_the_start(tmp_path: Path) -> None:
    path = a_file(tmp_path, "Mein Film.final.mp4", b"12345")
    job = drop.make(path, Draft("Hello"), NOW)
    assert (job.path, job.size, job.title, job.added_at) == (path, 5, "Mein Film.final", NOW)
    assert (job.step, job.status, job.draft) == (Step.PREPARE, Status.WAITING, Draft("Hello"))
    assert drop.make(path, Draft(), NOW).id != job.id
    path.unlink()
    with pytest.raises(FileMissing):
        drop.make(path, Draft(), NOW)


def test_a_name_that_is_not_unicode_gets_a_title_that_is(tmp_path: Path) -> None:
    path = a_file(tmp_path, os.fsdecode(b"caf\xe9.mp4"))
    assert drop.make(path, Draft(), NOW).title == "caf?"


@pytest.mark.parametrize(
    ("size", "words"),
    [(500, "500 bytes"), (1024, "1 KB"), (500 * 2**20, "500 MB"), (3 * 2**29, "1.5 GB"), (20 * 2**30, "20 GB")],
)
def test_limits_are_said_in_the_units_they_were_set_in(size: int, words: str) -> None:
    assert drop.readable_size(size) == words


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.mp4", "video/mp4"), ("A.MOV", "video/quicktime"), ("a.bin", "video/mp4")]
)
def test_the_media_type_follows_from_the_name(name: str, wanted: str) -> None:
    assert drop.media_type(Path(name)) == wanted
