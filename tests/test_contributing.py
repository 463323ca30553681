"""What CONTRIBUTING shows is true: its protocol is one file, one line and one test."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n# (?P<path>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> dict[str, str]:
    """The files in CONTRIBUTING: path -> text."""
    return {found["path"]: found["text"] for found in BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text())}


def test_the_protocol_shown_passes_the_contract_once_it_is_added(tmp_path: Path):
    files = shown()
    registry = "uploader/protocols/__init__.py"
    line, entry = (part.strip("\n") for part in files.pop(registry).split("\n\n"))
    shutil.copytree(ROOT / "uploader", tmp_path / "uploader", ignore=shutil.ignore_patterns("__pycache__"))
    for path in ("pyproject.toml", "tests/protocols/contract.py", "tests/protocols/test_registry.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    registered = (ROOT / registry).read_text()
    registered = registered.replace("from uploader.protocols.tus", f"{line}\nfrom uploader.protocols.tus")
    registered = registered.replace('    "tus": tus,', f'{entry}\n    "tus": tus,')
    (tmp_path / registry).write_text(registered)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/protocols"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 20
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "uploader/protocols", "tests/protocols"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
