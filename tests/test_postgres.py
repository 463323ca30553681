"""Folders of test databases: each has one owner, and none outlives it for long."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.postgres import own_folder

HOLD = """
import sys
from pathlib import Path
from tests.postgres import own_folder

with own_folder(Path(sys.argv[1])) as folder:
    (folder / "data").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_a_living_one_has_stays(tmp_path: Path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        with own_folder(tmp_path) as mine:
            assert left.is_dir(), "its owner lives"
            other.kill()
            other.wait()
            with own_folder(tmp_path) as next_one:
                assert sorted(tmp_path.iterdir()) == sorted([mine, next_one])
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_each_have_their_own(tmp_path: Path):
    def one(_: int) -> None:
        for _ in range(20):
            with own_folder(tmp_path) as folder:
                (folder / "data").mkdir()
                assert (folder / "data").is_dir()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert list(tmp_path.iterdir()) == []
