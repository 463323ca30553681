"""What CONTRIBUTING shows is true: its protocol and its provider are one file, one line and one test each."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n# (?P<path>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    "protocols": ("protocols", ["protocols/contract.py", "protocols/test_registry.py"], '    "tus": tus,'),
    "providers": ("backend/providers", ["backend/providers/contract.py", "engine/served.py"], '    "mux": mux.make,'),
}
"""Where an example goes below uploader/ and tests/, what its test needs, and the line beside which it is registered."""


def shown(folder: str) -> dict[str, str]:
    """The files in CONTRIBUTING that go there: path -> text."""
    blocks = BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text())
    return {found["path"]: found["text"] for found in blocks if f"/{folder}/" in found["path"]}


def run(folder: Path, *command: str) -> str:
    """What a Python module prints; it must succeed."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_shown_passes_its_contract_once_it_is_added(example: str, tmp_path: Path):
    folder, needed, beside = EXAMPLES[example]
    files = shown(folder)
    registry = f"uploader/{folder}/__init__.py"
    line, entry = (part.strip("\n") for part in files.pop(registry).split("\n\n"))
    shutil.copytree(ROOT / "uploader", tmp_path / "uploader", ignore=shutil.ignore_patterns("__pycache__"))
    for path in ("pyproject.toml", *(f"tests/{path}" for path in needed)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    registered = (ROOT / registry).read_text().replace(beside, f"{beside}\n{entry}")
    imports = [one for one in registered.splitlines() if one.startswith("from uploader.")]
    after = next(one for one in imports if one.split()[1] >= line.split()[1])
    (tmp_path / registry).write_text(registered.replace(after, f"{line}\n{after}", 1))
    said = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", f"tests/{folder}")
    assert int(re.findall(r"(\d+) passed", said)[0]) > 20
    run(tmp_path, "ruff", "check", f"uploader/{folder}", f"tests/{folder}")
