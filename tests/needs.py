"""What a test needs from the machine: missing, it skips with the reason; in CI it fails."""

import os
import shutil
from pathlib import Path

import pytest

PEERS = Path(__file__).parent / "peers" / "node_modules"


def need(condition: bool, what: str) -> None:
    """Skip the running test where `what` is missing; under CI nothing may be missing."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


def need_program(name: str) -> str:
    """The path of a program."""
    path = shutil.which(name)
    need(path is not None, name)
    assert path is not None
    return path


def need_peer(package: str) -> Path:
    """The folder of an npm package of tests/peers, to run Node beside."""
    need_program("node")
    need((PEERS / package).is_dir(), f"{package} (npm install in tests/peers)")
    return PEERS.parent
