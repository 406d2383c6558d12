"""Every row of the tables of unusual files and of attacks says what happens, and names a test that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = [ROOT / "docs" / "explanation" / name for name in ("unusual-files.md", "trust.md")]
ROWS = [
    line
    for table in TABLES
    for line in table.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| the file", "| what", "| the attack", "| :--"))
]


@pytest.mark.parametrize("row", ROWS)
def test_each_row_says_what_happens_and_names_a_test_that_there_is(row: str) -> None:
    what, outcome, held_by = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
    assert what
    assert outcome
    path, _, name = held_by.strip("`").partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
