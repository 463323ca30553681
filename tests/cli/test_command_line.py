import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import ROOT, Terminal
from uploader.cli.sign_in import browser_is_here

PARTS = r"""
import json, sys
from uploader.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("\nimported", json.dumps([name.partition(".")[0] for name in sys.modules]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["server", "--help"], {"PySide6", "typer", "keyring"}),
        (["media-child"], {"PySide6", "typer", "keyring", "httpx", "fastapi", "sqlalchemy"}),
        (["--help"], {"PySide6", "fastapi", "sqlalchemy", "av"}),
    ],
)
def test_each_part_of_the_program_imports_only_what_it_needs(words: list[str], unwanted: set[str]):
    done = subprocess.run(
        [sys.executable, "-c", PARTS, *words], input="", capture_output=True, text=True, check=False, cwd=ROOT
    )
    said = next(line for line in done.stderr.splitlines() if line.startswith("imported "))
    imported = set(json.loads(said.removeprefix("imported ")))
    assert "uploader" in imported
    assert imported & unwanted == set()


def test_without_a_word_and_without_a_display_it_explains_itself(at_terminal: Terminal):
    done = at_terminal.run()
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "`reelferry window [FILE…]` opens the window" in words
    assert "3 sign in first" in words


def test_it_says_its_version(at_terminal: Terminal):
    assert at_terminal.run("--version").stdout.startswith("reelferry 0.")


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        ["add", "a.mp4", "b.mp4", "--title", "Both"],
        ["add", "a.mp4", "--at", "soon"],
        ["add", "a.mp4", "--min-height", "tall"],
        ["login", "--local", "--server", "https://example.org"],
        ["login", "--server", "https://example.org/?x=1"],
        ["login", "--local", "--device"],
        ["posts", "--json", "cancel", "f00"],
    ],
)
def test_wrong_usage_ends_with_2_and_an_explanation(at_terminal: Terminal, words: list[str]):
    done = at_terminal.run(*words)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize("words", [["add", "a.mp4"], ["login"]])
def test_before_a_server_was_chosen_every_command_says_how_to_choose_one(at_terminal: Terminal, words: list[str]):
    done = at_terminal.run(*words)
    assert done.returncode == 3
    assert "reelferry login --local" in done.stderr
    assert "[sign_in_needed]" in done.stderr


def test_with_json_an_error_is_an_object_on_stdout(at_terminal: Terminal):
    done = at_terminal.run("list", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["code"] == "sign_in_needed"
    assert done.stderr == ""


def test_an_upload_nobody_has_is_unknown(signed_in: Terminal):
    done = signed_in.run("pause", "f00")
    assert done.returncode == 1
    assert "There is no upload f00" in done.stderr
    assert "[unknown_job]" in done.stderr


def test_what_does_not_fit_now_changes_nothing(signed_in: Terminal, tmp_path: Path):
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"x" * 1000)
    (job,) = signed_in.objects("add", clip)
    done = signed_in.run("resume", job["id"], "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "not_now"
    signed_in.objects("cancel", job["id"])
    assert [kept["status"] for kept in signed_in.objects("list")] == ["cancelled"]


@pytest.mark.parametrize(
    ("environ", "here"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, sys.platform in {"darwin", "win32"}),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a 1 b 22"}, False),
        ({"WAYLAND_DISPLAY": "wayland-0", "SSH_TTY": "/dev/pts/1"}, False),
        ({"BROWSER": "w3m", "SSH_TTY": "/dev/pts/1"}, True),
    ],
)
def test_a_browser_opens_only_where_the_person_would_see_it(environ: dict[str, str], here: bool):
    assert browser_is_here(environ) is here
