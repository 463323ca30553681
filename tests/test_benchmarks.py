"""The runner of the benchmarks works. What it measures is no business of the tests."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.needs import need

ROOT = Path(__file__).parent.parent


def test_the_runner_prints_rows_with_a_verdict():
    need(shutil.which("curl") is not None, "curl")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--size", "1", "--only", "https", "--peers", "curl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.endswith(("  ok", "  short"))]
    assert len(rows) == 2
    assert "curl" in rows[0]
    assert rows[0].count("MiB/s") == 2
