"""docs/operate.md names every variable that the backend reads, no other, and files that are there."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from uploader.backend.config import Config

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "operate.md").read_text(encoding="utf-8")


def figures_told() -> list[str]:
    """The names in the table of figures."""
    cells = re.findall(r"^\| (`reelferry_.*?) \|", TEXT, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


class Asked(Mapping[str, str]):
    """An environment with nothing in it that remembers what was looked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_table_of_variables_is_that_of_the_program(tmp_path: Path):
    environ = Asked()
    Config.load(environ, tmp_path)
    told = re.findall(r"^\| `([A-Z0-9_]+)` \|", TEXT, re.MULTILINE)
    assert sorted(told) == sorted(environ.names), "write new variables into the table of docs/operate.md"


def test_alarms_look_at_figures_that_there_are():
    """That these are the program's own is seen in `tests/backend/test_metrics.py`."""
    named = re.findall(r"\breelferry_\w+", (DOCS / "deploy" / "alerts.yaml").read_text(encoding="utf-8"))
    assert {re.sub("_(count|bucket|sum)$", "", name) for name in named} <= set(figures_told())


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_what_it_points_to_is_there(link: str):
    assert (DOCS / link).exists()


@pytest.mark.parametrize(
    "name", ["nginx.conf", "Caddyfile", "reelferry.service", "Dockerfile", "compose.yaml", "alerts.yaml"]
)
def test_every_file_for_an_operator_is_mentioned(name: str):
    assert f"deploy/{name}" in TEXT
    assert name in {path.name for path in (DOCS / "deploy").iterdir()}
