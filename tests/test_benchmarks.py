"""The runner of the benchmarks works. What it measures is no business of the tests."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.__main__ import MEASUREMENTS
from benchmarks.row import at_least, beyond, no_more_than, within
from tests.needs import need

ROOT = Path(__file__).parent.parent


def test_the_runner_prints_rows_with_a_verdict():
    need(shutil.which("curl") is not None, "curl")
    words = "-m benchmarks --quick --size 1 --only https limit --peers curl"
    command = [sys.executable, *words.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.endswith(("  ok", "  short"))]
    assert len(rows) == 5
    assert "curl" in rows[0]
    assert rows[0].count("MiB/s") == 2
    assert rows[2].startswith("limit of 1 MB/s")


def test_the_document_says_what_is_measured():
    lines = (ROOT / "docs" / "performance.md").read_text().splitlines()
    named = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert named >= set(MEASUREMENTS)


def test_a_row_says_whether_its_goal_is_met():
    assert str(at_least("uploads", 97, 100, "MiB/s", 0.97)).endswith("  ok")
    assert str(at_least("uploads", 96, 100, "MiB/s", 0.97)).endswith("short")
    assert str(no_more_than("window", 51, 16, "ms", 50)).endswith("short")
    assert str(within("limit", 1.04, 1, "MB/s", 0.05)).endswith("  ok")
    assert str(within("limit", 0.94, 1, "MB/s", 0.05)).endswith("short")
    assert str(beyond("start-up", 0.6, 0.1, "s", 0.5)).endswith("ok")
