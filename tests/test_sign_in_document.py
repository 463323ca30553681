"""docs/sign-in.md names no attack without a test that tries it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| (.+?) \| `([\w/]+\.py)::(\w+)` \|$", (ROOT / "docs" / "sign-in.md").read_text(), re.MULTILINE)


def test_there_are_rows() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize(("attack", "path", "name"), ROWS, ids=[row[0] for row in ROWS])
def test_an_attack_has_its_test(attack: str, path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), attack
