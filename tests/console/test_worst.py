from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.images.files import write_labels
from tests.tiny import tiny_dataset

LABELS = """name: tiny
classes:
  - {name: left, id: 5}
  - {name: right, id: 7}
  - {name: spot, id: 9}
void: [{name: void, ids: [0]}]
"""


def segbench(*arguments: object, ends: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == ends, result.output
    return result


@pytest.fixture
def scored(tmp_path: Path) -> tuple[str, ...]:
    """Options of a `score` of six images; the spot of the second is missed, and all of the fourth is called left."""
    dataset = tiny_dataset(tmp_path)
    for index, sample in enumerate(dataset.samples):
        pred = dataset.read_target(sample).copy()
        pred[pred == 0] = 5
        if index == 1:
            pred[pred == 9] = 7
        if index == 3:
            pred[:] = 5
        write_labels(tmp_path / "preds" / f"s{index}.png", pred)
    (tmp_path / "labels.yaml").write_text(LABELS)
    return ("score", tmp_path / "preds", tmp_path / "targets", "--labels", tmp_path / "labels.yaml", "--json", tmp_path / "r.json")


def test_the_worst_images_come_first_with_their_lowest_classes(scored: tuple[str, ...], tmp_path: Path) -> None:
    segbench(*scored)
    rows = json.loads(segbench("worst", tmp_path / "r.json", "--json", "--images", 2).output)
    assert [row["id"] for row in rows] == ["s3", "s1"]
    assert rows[0]["classes"]["right"] == rows[0]["classes"]["spot"] == 0
    assert rows[0]["iou"] == pytest.approx(np.mean(list(rows[0]["classes"].values())))
    of_class = json.loads(segbench("worst", tmp_path / "r.json", "--json", "--class", "spot", "--images", 3).output)
    assert [(row["id"], row["iou"]) for row in of_class] == [("s1", 0.0), ("s3", 0.0), ("s0", 1.0)]
    assert "s3" in segbench("worst", tmp_path / "r.json").output


def test_what_is_missing_is_said(scored: tuple[str, ...], tmp_path: Path) -> None:
    segbench(*scored)
    assert "did you mean 'spot'?" in segbench("worst", tmp_path / "r.json", "--class", "spott", ends=2).output
    (tmp_path / "r.npz").unlink()
    assert "it holds what was counted in every image" in segbench("worst", tmp_path / "r.json", ends=2).output


def test_quiet_leaves_results_and_drops_notes(scored: tuple[str, ...]) -> None:
    loud, quiet = segbench(*scored).output, segbench(*scored, "--quiet").output
    assert "bootstrap interval" in loud
    assert "bootstrap interval" not in quiet
    assert "mIoU" in quiet


def test_a_table_as_json_has_what_the_csv_has(scored: tuple[str, ...], tmp_path: Path) -> None:
    segbench(*scored)
    (row,) = json.loads(segbench("table", tmp_path / "r.json", "--json").output)
    assert row["model"] == "preds"
    assert 0 < row["mIoU"] < 1
    assert row["signature"].startswith("data:")
