from __future__ import annotations

from pathlib import Path

import pytest

from segbench.errors import RecordError
from segbench.training.log import LogRow, append_row, continue_log, log_file, read_log

ROWS = [LogRow(20, 2.5, 1e-3), LogRow(40, 1.25, 9e-4, 0.375), LogRow(60, 1.0, 8e-4)]


def written(path: Path) -> Path:
    continue_log(path, 1)
    for row in ROWS:
        append_row(path, row)
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    file = log_file(tmp_path / "deep" / "a.safetensors")
    assert file.name == "a.safetensors.log.csv"
    assert read_log(written(file)) == ROWS


@pytest.mark.parametrize(("first", "kept"), [(1, 0), (41, 2), (60, 2), (61, 3)])
def test_a_training_that_goes_on_drops_the_rows_of_the_steps_it_does_again(first: int, kept: int, tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv")
    continue_log(file, first)
    assert read_log(file) == ROWS[:kept]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "step,loss,learning_rate,miou\n1,2\n", "step,loss,learning_rate,miou\nx,1,1,\n"])
def test_a_file_that_is_no_log_is_refused_and_replaced(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(RecordError, match=r"a\.csv: not the log of a training"):
        read_log(file)
    continue_log(file, 5)
    assert read_log(file) == []
