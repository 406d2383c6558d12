from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.files.json_text import dump_json, write_text

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["[ 1, 2 ]", "[\n 1\n]"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), TREES, max_size=4))
def test_dumped_json_is_the_same_data(data: dict[str, Any]) -> None:
    text = dump_json(data)
    assert json.loads(text) == data
    assert text.endswith("}\n")


def test_a_list_of_numbers_stands_on_one_line_and_text_is_left_alone() -> None:
    assert dump_json({"a": [[1, -2], [3.5, 1e-9]], "b": "[ 1, 2 ]"}) == '{\n "a": [\n  [1, -2],\n  [3.5, 1e-09]\n ],\n "b": "[ 1, 2 ]"\n}\n'


def test_no_number_is_null() -> None:
    assert json.loads(dump_json({"a": math.nan, "b": [math.inf, 1.0], "c": np.float64("nan")})) == {"a": None, "b": [None, 1.0], "c": None}


def test_a_file_is_replaced_in_one_step_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "one\n")
    write_text(path, "zwei ü\n")
    assert path.read_bytes() == "zwei ü\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
