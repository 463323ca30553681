"""The house rules, as tests: layers, doors, names, and what stays out of the repository."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from uploader import errors
from uploader.backend.providers import PROVIDERS
from uploader.protocols import PROTOCOLS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "uploader"
MODULES = sorted(PACKAGE.rglob("*.py"))
CONTRACTS = {
    c["id"]: c for c in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

VIOLATIONS = {
    "layers": ("uploader/engine/job.py", "import uploader.desktop"),
    "exhaustive": ("uploader/nowhere.py", '"""A module without a layer."""'),
    "backend": ("uploader/backend/videos.py", "import uploader.engine.job"),
    "qt": ("uploader/engine/queue.py", "import PySide6.QtCore"),
    "http": ("uploader/engine/queue.py", "import httpx"),
    "keyring": ("uploader/cli/app.py", "import keyring"),
    "dbus": ("uploader/engine/engine.py", "import jeepney"),
    "av": ("uploader/backend/videos.py", "import av"),
    "pure": ("uploader/protocols/tus.py", "import socket"),
    "cycles": ("uploader/wire.py", "import uploader.engine.job"),
}


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--config", str(folder / "pyproject.toml"), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


def test_every_contract_has_a_violation_to_break_it():
    assert set(CONTRACTS) == set(VIOLATIONS) - {"exhaustive"}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_contract_breaks_when_violated(name: str, tmp_path: Path):
    shutil.copytree(PACKAGE, tmp_path / "uploader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    module, line = VIOLATIONS[name]
    path = tmp_path / module
    path.write_text((path.read_text() if path.exists() else "") + "\n" + line + "\n")
    result = lint(tmp_path, "--contract", "layers" if name == "exhaustive" else name)
    assert result.returncode != 0, result.stdout
    assert "BROKEN" in result.stdout or "nowhere" in result.stdout + result.stderr


def test_every_protocol_and_provider_is_registered():
    protocols = {path.stem for path in (PACKAGE / "protocols").glob("*.py")} - {"__init__", "base"}
    assert protocols == set(PROTOCOLS)
    folder = PACKAGE / "backend" / "providers"
    providers = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    assert providers - {"__init__", "base", "calls"} == set(PROVIDERS)


def test_the_desktop_never_names_a_provider():
    for path in [*(PACKAGE / "desktop").rglob("*.py"), *(PACKAGE / "engine").rglob("*.py")]:
        assert not re.search(r"cloudflare|\bmux\b", path.read_text(), re.IGNORECASE), path


def all_errors(base: type[errors.ReelferryError]) -> list[type[errors.ReelferryError]]:
    return [base, *(below for child in base.__subclasses__() for below in all_errors(child))]


def test_every_error_has_a_code_of_its_own_and_words():
    kinds = [kind for kind in all_errors(errors.ReelferryError) if "title" in vars(kind)]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))
    for kind in kinds:
        assert re.fullmatch(r"[a-z_]+", kind.code), kind
        assert kind.title, kind
        assert kind.hint, kind
        assert not re.search(r"oops|\berror \d|!", f"{kind.title} {kind.hint}", re.IGNORECASE), kind


def test_there_is_no_drawer_for_odds_and_ends():
    for path in MODULES:
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager"}, path


def test_every_module_fits_on_a_few_screens():
    lists = {PACKAGE / "errors.py"}  # one entry a failure: it grows with the product, and has one reason to
    for path in set(MODULES) - lists:
        assert len(path.read_text().splitlines()) <= 350, f"{path} may have two reasons to change"


def test_every_module_opens_with_one_plain_sentence():
    for path in MODULES:
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, path
        assert re.search(r"[.:]$", docstring.splitlines()[0]), path


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_the_repository_holds_nothing_large_and_no_address_of_a_registry():
    address = re.compile(rb"https?://[^\s/]*(pypi|pythonhosted|npmjs|debian)\.(org|com)")
    machine = re.compile(rb"(?<![\w.$}])/(root|work|farm)/")
    for path in tracked():
        assert path.stat().st_size < 1_000_000, path
        if path == Path(__file__):
            continue
        content = path.read_bytes()
        assert not address.search(content), path
        assert not machine.search(content), path
