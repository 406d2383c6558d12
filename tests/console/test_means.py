"""`segbench means`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.images.files import read_labels, write_labels
from tests.tiny import LABELS, tiny_dataset


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Records of two sets of label maps: moved by a pixel, and without spots."""
    dataset = tiny_dataset(tmp_path / "data")
    (tmp_path / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    for sample in dataset.samples:
        target = read_labels(sample.target)
        write_labels(tmp_path / "moved" / sample.target.name, np.roll(target, 1, 1))
        write_labels(tmp_path / "blind" / sample.target.name, np.where(target == 9, 5, target).astype(np.uint8))
    for name in ("moved", "blind"):
        words = ["score", tmp_path / name, tmp_path / "data" / "targets", "--labels", tmp_path / "labels.yaml"]
        assert segbench(*words, "--json", tmp_path / "records" / f"{name}.json").exit_code == 0
    return tmp_path / "records"


def test_means_of_records_stand_side_by_side(records: Path) -> None:
    shown = segbench("means", records, "--foreground", "spot")
    assert shown.exit_code == 0, shown.output
    for words in ("mIoU^I", "mIoU^C, worst 5 %", "foreground (spot)", "Dice over pixels", "in neither target nor prediction: 1"):
        assert words in shown.stdout
    assert any("difference" in line for line in shown.stdout.splitlines())
    assert any("moved" in line and "blind" in line for line in shown.stdout.splitlines())


def test_the_same_as_data(records: Path) -> None:
    (row,) = json.loads(segbench("means", records / "blind.json", "--foreground", "spot", "--json").stdout)
    assert row["means"]["Dice over pixels"]["value"] == 0.0
    assert row["means"]["mIoU^D"]["value"] == json.loads((records / "blind.json").read_text())["scores"]["miou"]
    low, high = row["means"]["mIoU^I"]["interval"]
    assert low < row["means"]["mIoU^I"]["value"] < high
    assert (row["foreground"], row["unit"], row["units"]) == (["spot"], "images", 6)


def test_classes_can_be_left_out_of_the_mean(records: Path) -> None:
    (row,) = json.loads(segbench("means", records / "blind.json", "--average-over", "left,right", "--json").stdout)
    scores = json.loads((records / "blind.json").read_text())["scores"]["class_iou"]
    assert row["means"]["mIoU^D"]["value"] == pytest.approx((scores["left"] + scores["right"]) / 2)
    assert scores["left"] < 1  # the spots are still errors of it
    shown = segbench("means", records / "blind.json", "--average-over", "left,right")
    assert "averaged over left, right alone" in shown.stdout


def test_groups_are_drawn_and_put_together(records: Path, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("image,patient\n" + "".join(f"s{i},p{i // 2}\n" for i in range(6)))
    shown = segbench("means", records / "moved.json", "--foreground", "spot", "--groups", tmp_path / "patients.csv")
    assert "Dice per group of patients" in shown.stdout
    assert "over 3 patients" in shown.stdout


def test_what_is_missing_is_said(records: Path, tmp_path: Path) -> None:
    refused = segbench("means", records / "moved.json", "--average-over", "lefft")
    assert refused.exit_code == 2
    assert "no class 'lefft' in tiny-3; did you mean 'left'?" in refused.stderr
    (records / "moved.npz").unlink()
    refused = segbench("means", records)
    assert refused.exit_code == 2
    assert "moved.npz is missing" in refused.stderr
    (tmp_path / "empty").mkdir()
    assert segbench("means", tmp_path / "empty").exit_code == 2
