"""docs/api.md names every address of the API, no other, and every code that the backend refuses with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.backend.server import config_in
from uploader.backend.app import create_app
from uploader.backend.context import Backend
from uploader.backend.store.database import Database
from uploader.backend.store.models import now

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
REFUSALS = {"ApiProblem": 2, "problem_response": 2, "Refusal": 1}
"""Who refuses, and which argument is the code."""


def bare(path: str) -> str:
    """The path whatever its parts are called."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def codes() -> Iterator[str]:
    """Every code that is written where something is refused."""
    for module in (ROOT / "uploader" / "backend").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                for code in node.args[REFUSALS[node.func.id] :][:1]:
                    if isinstance(code, ast.Constant):
                        yield str(code.value)


def test_every_address_of_the_api_is_written_down_and_every_one_written_down_is_there(tmp_path: Path):
    config = config_in(tmp_path)
    database = Database(config.database_url)
    paths = create_app(Backend(config, database, {}, now, "http://127.0.0.1")).openapi()["paths"]
    database.close()
    there = {(method.upper(), bare(path)) for path, methods in paths.items() for method in methods}
    told = {
        (method, bare(path))
        for method, path in re.findall(r"`(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[^`?]*)", TEXT)
        if path.startswith("/api/") or bare(path) in {path for _, path in there}
    }
    assert not there - told, f"write into the table of docs/api.md what these do: {sorted(there - told)}"
    assert not told - there, f"docs/api.md names what is not there: {sorted(told - there)}"


def test_every_code_is_written_down():
    missing = {code for code in codes() if f"`{code}`" not in TEXT}
    assert not missing, f"write into the table of errors in docs/api.md what to do: {sorted(missing)}"
