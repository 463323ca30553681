"""The frozen program, built from installer.spec, takes one clip from drop to post where there is no display."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    built = subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--distpath", str(folder / "dist"), "--workpath",
         str(folder / "build"), "installer.spec"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-3000:]
    return folder / "dist" / "Reelferry" / "reelferry"


def run(program: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        [program, *words], env=bare, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=150
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_frozen_program_uploads_a_clip_without_a_display(program: Path, tmp_path: Path):
    result = run(program, tmp_path, "demo")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "/watch/" in result.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_frozen_program_shows_its_commands(program: Path, tmp_path: Path):
    result = run(program, tmp_path, "--help")
    assert result.returncode == 0, result.stderr
    assert "add" in result.stdout
