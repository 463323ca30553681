"""A path becomes a job, or a refusal in words."""

import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from uploader.engine import fingerprint
from uploader.engine.job import Draft, Job
from uploader.errors import FileEmpty, FileMissing, NotAVideo, ReelferryError, TooLarge
from uploader.wire import ServerConfig

VIDEO_TYPES = {
    ".3g2": "video/3gpp2",
    ".3gp": "video/3gpp",
    ".asf": "video/x-ms-asf",
    ".avi": "video/x-msvideo",
    ".divx": "video/x-msvideo",
    ".dv": "video/x-dv",
    ".f4v": "video/x-f4v",
    ".flv": "video/x-flv",
    ".m1v": "video/mpeg",
    ".m2ts": "video/mp2t",
    ".m2v": "video/mpeg",
    ".m4v": "video/x-m4v",
    ".mk3d": "video/x-matroska",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".mxf": "video/mxf",
    ".ogv": "video/ogg",
    ".qt": "video/quicktime",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}
"""The name endings that mean video, and the media type each is announced with."""

SHARED = frozenset({".ts", ".mts"})
"""Endings that program sources have as well: the first bytes decide."""

SNIFFED = 4096
"""Bytes of a file's beginning that are looked at."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A path that was not taken, and why."""

    path: Path
    error: ReelferryError


def take(
    paths: Iterable[Path], draft: Draft, config: ServerConfig | None, now: datetime
) -> tuple[list[Job], list[Refusal]]:
    """New jobs for files, and for the videos in folders; and what is refused."""
    files, empty = expand(Path(os.path.abspath(path)) for path in paths)  # noqa: PTH100  (links stay links)
    takes, refusals = judge(files, config)
    jobs = []
    for path in takes:
        try:
            jobs.append(make(path, draft, now))
        except ReelferryError as error:
            refusals.append(Refusal(path, error))
    return jobs, empty + refusals


def judge(paths: Iterable[Path], config: ServerConfig | None) -> tuple[list[Path], list[Refusal]]:
    """What would be taken and what not. A folder is not looked into: `expand` does that.

    One `stat` and at most one small read a path, so that a window can ask while something hovers above it.
    """
    takes, refusals = [], []
    for path in paths:
        try:
            if not os.path.isdir(path):  # noqa: PTH112  (never raises)
                _examine(path, config)
            takes.append(path)
        except ReelferryError as error:
            refusals.append(Refusal(path, error))
    return takes, refusals


def expand(paths: Iterable[Path]) -> tuple[list[Path], list[Refusal]]:
    """Files as they are, folders as the videos in them at any depth, by name. A folder without any is refused.

    Hidden entries, links to folders and other kinds of file are left out in silence.
    """
    files: list[Path] = []
    refusals = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112  (never raises)
            files.append(path)
            continue
        try:
            files.extend(_videos(path))
        except ReelferryError as error:
            refusals.append(Refusal(path, error))
    return files, refusals


def make(path: Path, draft: Draft, now: datetime) -> Job:
    """A new job for a file that has been judged. FileMissing if it is gone again."""
    size, _ = fingerprint.look(path)
    return Job(uuid.uuid4().hex, path, size, clean(path.stem), now, draft=draft)


def media_type(path: Path) -> str:
    """The media type a file is announced with."""
    return VIDEO_TYPES.get(path.suffix.lower(), "video/mp4")


def clean(text: str) -> str:
    """Text that can be sent: what is not Unicode in a file's name becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def readable_size(size: int) -> str:
    """A limit in words, in the units it was set in: 500 MB, 1.5 GB."""
    for factor, unit in ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def too_large(limit: int) -> TooLarge:
    """The error for a file over the server's limit."""
    return TooLarge(hint=f"This server takes files of up to {readable_size(limit)}. Export a smaller version.")


def _examine(path: Path, config: ServerConfig | None) -> None:
    try:
        size, _ = fingerprint.look(path)
    except FileMissing as error:
        raise FileMissing(error.detail, hint="Check its name, or plug in its drive, and add it again.") from error
    if size == 0:
        raise FileEmpty
    with fingerprint.translated(path), path.open("rb") as file:
        if path.suffix.lower() not in VIDEO_TYPES.keys() - SHARED and not _looks_like_video(file.read(SNIFFED)):
            raise NotAVideo
    if config is not None and size > config.max_bytes:
        raise too_large(config.max_bytes)


def _videos(folder: Path) -> list[Path]:
    """FileUnreadable where the folder may not be looked into, NotAVideo where there is none in it."""
    with fingerprint.translated(folder):
        os.listdir(folder)  # noqa: PTH208  (only whether it can be; os.walk passes over errors)
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=str.casefold)
        for name in sorted(names, key=str.casefold):
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in VIDEO_TYPES and _is_video(path):
                found.append(path)
    if not found:
        raise NotAVideo(title="There is no video in this folder", hint="Add another one.")
    return found


def _is_video(path: Path) -> bool:
    """Whether a file with a video's ending in a folder is meant: program sources are not."""
    if path.suffix.lower() not in SHARED:
        return True
    try:
        with path.open("rb") as file:
            return _looks_like_video(file.read(SNIFFED))
    except OSError:
        return True


def _looks_like_video(head: bytes) -> bool:
    """Whether a file begins like a container that holds video. What is really in it is found out later."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in {b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"M4A ", b"M4B ", b"crx "}
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[:1] == b"\x47":  # MPEG transport stream: packets of 188 bytes
        return head[188:189] == b"\x47" and head[376:377] in {b"\x47", b""}
    if head[4:5] == b"\x47":  # the same with time codes: packets of 192 bytes
        return head[196:197] == b"\x47" and head[388:389] in {b"\x47", b""}
    return head[4:8] in {b"moov", b"mdat", b"wide"} or head.startswith(
        (
            b"\x1a\x45\xdf\xa3",  # Matroska, WebM
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
            b"\x00\x00\x01\xba",  # MPEG programme stream
            b"\x00\x00\x01\xb3",  # MPEG video
            b"\x06\x0e\x2b\x34",  # MXF
            b"FLV\x01",
            b"OggS",
        )
    )
