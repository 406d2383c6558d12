from __future__ import annotations

import pytest

from segbench.records.portable import portable


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("segbench run --data /home/me/CamVid", "segbench run --data .../CamVid"),
        ("segbench run --data=/home/me/CamVid/ --dataset camvid", "segbench run --data=.../CamVid --dataset camvid"),
        ("segbench run --weights a=/x/a.st,b=~/b.st", "segbench run --weights a=.../a.st,b=.../b.st"),
        ("segbench score '/my data/preds' gts", "segbench score .../preds gts"),
        (r"segbench score 'C:\data\preds' gts", "segbench score .../preds gts"),
        ("segbench run --data runs/camvid", "segbench run --data runs/camvid"),
        ("say 'it", "say ''\"'\"'it'"),
    ],
)
def test_no_machine_path_is_in_a_command(command: str, expected: str):
    assert portable(command) == expected
