"""A laptop that slept in the middle of an upload and woke up somewhere else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.night import SIZE
from tests.needs import need_program
from uploader.errors import Stalled

UNSHARE = ["unshare", "--net"]
if sys.platform == "linux" and os.geteuid() != 0:
    UNSHARE.insert(1, "--map-root-user")


@pytest.fixture
def namespace() -> list[str]:
    """What a command is prefixed with to have a network of its own."""
    need_program("unshare")
    need_program("ip")
    tried = subprocess.run([*UNSHARE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False, timeout=60)
    if tried.returncode:
        pytest.skip(f"this kernel gives nobody a network of their own: {tried.stderr.decode().strip()}")
    return UNSHARE


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="networks of one's own are made with unshare")
def test_a_laptop_that_slept_and_woke_up_with_another_address_goes_on(namespace: list[str], tmp_path: Path):
    done = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.flow.night", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    night = json.loads(done.stdout.splitlines()[-1])
    assert night["before"] == ["127.0.0.2"]
    assert night["peers"] == ["127.0.0.2", "127.0.0.3"], "it went on from the new address"
    assert night["troubles"] == [Stalled.code]
    assert night["whole"]
    print(f"{'asleep, another address':<36} sent twice: {night['twice']:>9,} bytes")  # noqa: T201  (the table's figure)
    assert 0 <= night["twice"] < SIZE // 2, "the old line delivers late, too; what was kept before is not sent again"
