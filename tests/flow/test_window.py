"""A newcomer at a real screen: first run, sign-in, a real drag from a file manager, a text, a post."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.desk import Desk, file_manager, scripted_browser, sitting_at
from tests.flow.stage import PATIENCE, sha256, wait_for
from tests.media import clips
from uploader.paths import own_command

pytestmark = [pytest.mark.display, pytest.mark.slow, pytest.mark.timeout(600)]

TEXT = "Harbour at dawn"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "desk").mkdir()
    with sitting_at(tmp_path / "desk") as built:
        yield built


def server_rows(desk: Desk, query: str) -> list[tuple[str, ...]]:
    database = Path(desk.environ["XDG_DATA_HOME"]) / "Reelferry" / "server" / "reelferry.sqlite3"
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def listed(desk: Desk) -> list[dict[str, str]]:
    return [json.loads(line) for line in desk.run(*own_command("list", "--json")).splitlines()]


def titles(desk: Desk) -> list[str]:
    return [job["title"] for job in listed(desk)]


def kept_files(desk: Desk) -> Iterator[Path]:
    """Every file the programs on this desk have left somewhere; folders may go while we look."""
    for name in ("data", "config", "cache", "state"):
        for place, _, files in os.walk(desk.folder / name):
            yield from (Path(place, file) for file in files)


def holds(path: Path, secret: str) -> bool:
    """Whether it is in this file. One that is gone by now, or is a socket, holds nothing."""
    try:
        return path.is_file() and secret.encode() in path.read_bytes()
    except FileNotFoundError:
        return False


def put_above(desk: Desk, lower: str, upper: str) -> bool:
    """Take the third row above the second. Tried anew where the window had not painted it yet."""
    if titles(desk)[1:] != [lower, upper]:
        desk.drag((300, 340), (300, 212), before_release="window-6-drag-row")
    return titles(desk)[1:] == [lower, upper]


def test_from_first_run_to_a_post_with_mouse_and_keyboard(desk: Desk, tmp_path: Path):
    clip = clips.h264(tmp_path / "clips" / "harbour.mp4", seconds=3)
    first_file = file_manager(desk, clip.parent, 1100, 0)
    scripted_browser(desk)
    app = desk.start(sys.executable, "main.py", "window")
    window = desk.window("--name", "Reelferry")
    desk.place(window, 0, 0, 1080, 720)
    desk.screenshot("window-1-first-run")

    desk.keys(window, "Return")  # "Use this computer" has the focus
    wait_for(lambda: server_rows(desk, "SELECT 1 FROM users"), what="the first account")
    token = wait_for(
        lambda: desk.run("secret-tool", "lookup", "service", "Reelferry"), what="the token in the password safe"
    )
    assert token.startswith("vu_rt_")
    assert not [path for path in kept_files(desk) if holds(path, token)], "the token is in a file"
    desk.screenshot("window-2-empty")

    edge = desk.shown(1, 400)
    desk.drag(
        first_file,
        (400, 400),
        before_release="window-3-drag-over",
        over=lambda: desk.shown(1, 400) not in {"", edge},  # the frame that says what will be added
    )
    ((video_id, upload_id),) = wait_for(
        lambda: server_rows(desk, "SELECT id, provider_upload_id FROM videos WHERE status = 'ready'"), what="the video"
    )
    assert clip.exists(), "a drop is a copy"
    original = Path(desk.environ["XDG_DATA_HOME"]) / "Reelferry" / "server" / "uploads" / upload_id
    assert sha256(original) == sha256(clip)
    desk.screenshot("window-4-ready")

    desk.click(850, 420)
    desk.type(TEXT)
    desk.keys(window, "ctrl+Return")
    ((content, posted),) = wait_for(lambda: server_rows(desk, "SELECT content, video_id FROM posts"), what="the post")
    assert (content, posted) == (TEXT, video_id)
    wait_for(lambda: '"finished"' in desk.run(*own_command("list", "--json")), what="the window's word to the terminal")
    desk.screenshot("window-5-posted")

    waiting = [clips.h264(tmp_path / "clips" / f"{name}.mp4", seconds=3) for name in ("one", "two")]
    desk.run(*own_command("limit", "1kB/s"))
    desk.run(*own_command("add", *map(str, waiting)))
    wait_for(lambda: titles(desk) == ["harbour", "one", "two"], what="two more videos")
    wait_for(lambda: put_above(desk, "two", "one"), what="the order the mouse has given")
    desk.run(*own_command("cancel", *[job["id"] for job in listed(desk) if job["title"] != "harbour"]))

    desk.keys(window, "ctrl+q")
    assert app.wait(PATIENCE) == 0
