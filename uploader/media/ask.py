"""The questions others ask about video; each is answered by a limited child process, in our own words."""

import glob
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from uploader.errors import (
    DiskFull,
    FileEmpty,
    FileMissing,
    FileUnreadable,
    MediaFailed,
    NotAFile,
    NotAVideo,
    ReelferryError,
    TooLong,
)
from uploader.media.facts import HlsResult, Probe
from uploader.media.limits import MIB, Limits
from uploader.media.process import Answer, converse

T = TypeVar("T")

SLOWEST = 10  # seconds of work for a second of video
SETTING_OUT = 300  # seconds
SILENCE = 300  # seconds without progress: the longest is moving the index of a large file to its front
LOOKING = Limits(cpu=60, memory=3072 * MIB, file_size=64 * MIB)


def probe(path: Path, *, timeout: float = 30) -> Probe:
    """What is in the file. `timeout` in seconds.

    Raises NotAVideo, FileEmpty, FileMissing, NotAFile, FileUnreadable or MediaFailed.
    """
    return _as(Probe, answered({"do": "probe", "path": readable(path)}, LOOKING, timeout=timeout))


def frame(path: Path, target: Path, *, at: float | None = None, width: int = 448, timeout: float = 30) -> None:
    """Write one picture of the video to `target`, a JPEG at most `width` pixels wide, whole or not at all.

    `at` is a time in seconds; without it, a tenth into the video. Raises as `probe` does.
    """
    target = target.absolute()
    request = {"do": "frame", "path": readable(path), "target": str(target), "at": at, "width": width}
    answered(request, LOOKING, timeout=timeout)


def hls(
    source: Path,
    folder: Path,
    *,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    max_duration: float,
) -> HlsResult:
    """Make `folder` hold what a viewer needs: `index.m3u8` of up to three renditions, `poster.jpg`, `progressive.mp4`.

    The folder appears complete or not at all, and replaces one of the same name; one caller at a time for each.
    `on_progress` hears percents, at most four times a second; `cancelled` is asked about as often. `max_duration` in
    seconds. Raises TooLong, Cancelled, DiskFull, or as `probe` does.
    """
    path = readable(source)
    folder = folder.absolute()
    for left_behind in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        shutil.rmtree(left_behind)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        request = {"do": "hls", "path": path, "folder": str(draft), "max_duration": max_duration}
        limits = _transcoding(source.stat().st_size, max_duration)
        result = answered(
            request,
            limits,
            timeout=max_duration * SLOWEST + SETTING_OUT,
            silence=SILENCE,
            on_progress=on_progress,
            cancelled=cancelled,
        )
        presentation = _as(HlsResult, result)
        if folder.exists():
            folder.rename(draft / "replaced")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    on_progress(100)
    return presentation


def _transcoding(size: int, max_duration: float) -> Limits:
    return Limits(
        cpu=int(max_duration * SLOWEST + SETTING_OUT) * (os.cpu_count() or 1),
        memory=4096 * MIB,
        file_size=size + int(max_duration) * MIB + 64 * MIB,
        files=128,
        nice=10,
    )


def readable(path: Path) -> str:
    """The file's absolute path, once it is certain that a regular file with something in it can be opened there."""
    path = path.absolute()
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for its writer
            raise NotAFile(str(path))
        path.open("rb").close()
    except FileNotFoundError as problem:
        raise FileMissing(str(problem)) from problem
    except OSError as problem:
        raise FileUnreadable(str(problem)) from problem
    if found.st_size == 0:
        raise FileEmpty(str(path))
    return os.fspath(path)


def answered(request: Answer, limits: Limits, **how: Any) -> object:  # noqa: ANN401  (the keywords of `converse`)
    """The child's result, or its refusal as one of our errors."""
    answer = converse(request, limits, **how)
    if "result" not in answer:
        raise _refusal(answer.get("error"))
    return answer["result"]


def _as(kind: type[T], result: object) -> T:
    try:
        return TypeAdapter(kind).validate_python(result)
    except ValidationError as bad:
        raise MediaFailed(str(bad)) from bad


def _refusal(error: object) -> ReelferryError:
    if not isinstance(error, dict):
        return MediaFailed(f"said {error!r:.200}")
    code, why, detail = (str(error.get(key, "")) for key in ("code", "why", "detail"))
    if code == NotAVideo.code:
        title, hint = NOT_A_VIDEO.get(why, (None, None))
        return NotAVideo(detail, title=title, hint=hint)
    return REFUSALS.get(code, MediaFailed)(detail)


REFUSALS: dict[str, type[ReelferryError]] = {
    kind.code: kind for kind in (DiskFull, FileMissing, FileUnreadable, MediaFailed, TooLong)
}
NOT_A_VIDEO = {
    "damaged": ("The video is damaged or not complete", "Export or copy it again, then add it."),
    "silent": ("There is no picture in this file", "Choose a file with video in it."),
    "unknown": ("This kind of video cannot be read here", "Export it as MP4 (H.264), then add it."),
    "huge": ("The picture is too large", "Export it at 8K or smaller, then add it."),
}
