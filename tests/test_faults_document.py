"""docs/faults.md promises nothing that is not tested, and leaves out nothing that is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.test_faults import FAULTS, QUIET
from uploader import errors

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| fault")
]
TEST = re.compile(r"`(?P<path>[\w/]+\.py)::(?P<name>\w+)(\[(?P<case>.+)\])?`")
TITLES = {
    kind.code: kind.title
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ReelferryError) and hasattr(kind, "code")
}


def test_there_are_rows() -> None:
    assert len(ROWS) > 30
    assert {len(row) for row in ROWS} == {5}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_the_program_says_and_names_a_test_that_exists(row: list[str]) -> None:
    _, said, _, _, test = row
    if said != "nothing":
        code, title = re.fullmatch(r"`(\w+)` (.+)", said).groups()  # type: ignore[union-attr]  # a row that differs fails
        assert TITLES[code] == title
    found = TEST.fullmatch(test)
    assert found is not None
    source = (ROOT / found["path"]).read_text(encoding="utf-8")
    assert found["name"] in functions(source)
    assert (found["case"] or "") in source


def test_every_fault_of_the_table_of_tests_is_in_the_document() -> None:
    cases = [found["case"] for row in ROWS if (found := TEST.fullmatch(row[-1]))]
    for name in (*FAULTS, *QUIET):
        assert cases.count(name) == 1, name


def functions(source: str) -> Iterator[str]:
    return (node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
