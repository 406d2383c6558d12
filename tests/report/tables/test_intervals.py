"""Intervals as `score` and `run` print and record them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from segbench.cli.main import main
from segbench.images.files import read_labels, write_labels
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.uncertainty import bootstrap
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from tests.report.fakes import GOOD, run_record
from tests.report.fakes import LABELS as TOY
from tests.tiny import LABELS, tiny_dataset


def score(root: Path, images: int, *options: str) -> tuple[str, Path]:
    """What `segbench score` prints of predictions that are wrong in a growing corner, and where the record is."""
    dataset = tiny_dataset(root / "data", images)
    for index, sample in enumerate(dataset.samples):
        pred = read_labels(sample.target)
        pred[-3 * index :, -3 * index :] = 5
        write_labels(root / "preds" / sample.target.name, pred)
    (root / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    arguments = [root / "preds", dataset.root, "--labels", root / "labels.yaml", "--json", root / "r.json", *options]
    result = CliRunner().invoke(main, ["score", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, root / "r.json"


def test_score_prints_and_records_the_intervals_of_its_matrices(tmp_path: Path) -> None:
    printed, path = score(tmp_path, 6)
    record = read_run(path)
    ids, counted = read_per_image(path.with_suffix(".npz"))
    expected = bootstrap(LABELS, counted)
    assert ids == [f"s{i}" for i in range(6)]
    assert record.intervals is not None
    for name, bounds in expected.bounds.items():
        assert np.array_equal(record.intervals.bounds[name], bounds, equal_nan=True)
    assert f"mIoU {100 * record.scores.miou:.1f} ± {100 * expected.half_width('miou'):.1f}" in printed
    for name, iou, width in zip(LABELS.class_names, record.scores.class_iou, expected.half_width("class_iou"), strict=True):
        assert f"│ {name} " in printed
        assert f" {100 * iou:.1f} ± {100 * width:.1f} " in printed
    assert "± is half the width of the 95 % bootstrap interval over 6 images (10000 replicates, seed 0)" in printed


def test_one_image_is_scored_without_an_interval(tmp_path: Path) -> None:
    printed, path = score(tmp_path, 1)
    assert "mIoU" in printed
    assert "±" not in printed
    assert json.loads(path.read_text())["intervals"]["miou"] is None


def test_intervals_over_sequences_are_asked_for_by_name_and_refused_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="6 of 6 images have no sequence in their name"):
        score(tmp_path, 6, "--groups", "sequence")
    for folder in ("preds", "data/targets"):
        for path in sorted((tmp_path / folder).glob("s?.png")):
            path.rename(path.with_name(f"{'abc'[int(path.stem[1]) % 3]}_{path.name}"))
    arguments = ["score", tmp_path / "preds", tmp_path / "data" / "targets", "--labels", tmp_path / "labels.yaml"]
    arguments += ["--groups", "sequence", "--json", tmp_path / "g.json"]
    result = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert "± is half the width of the 95 % bootstrap interval over 3 sequences (10000 replicates, seed 0)" in result.output
    intervals = read_run(tmp_path / "g.json").intervals
    assert intervals is not None
    assert (intervals.units, intervals.unit) == (3, "sequences")


def test_run_prints_the_interval_behind_the_miou_of_the_models_that_have_one(capsys: pytest.CaptureFixture[str]) -> None:
    from segbench.console.run import print_table

    counts = np.stack([np.array(GOOD), np.roll(GOOD, 1, axis=0), np.roll(GOOD, 1, axis=1)])
    intervals = bootstrap(TOY, counts)
    known = replace(run_record("known", GOOD), confusion=ConfusionMatrix(TOY, counts.sum(axis=0)), intervals=intervals)
    print_table([known, run_record("unknown", GOOD)], [], per_class=False)
    printed = capsys.readouterr().out
    rows = {line.split()[1]: line for line in printed.splitlines() if "known" in line}
    assert f" {100 * known.scores.miou:.1f} ± {100 * intervals.half_width('miou'):.1f} " in rows["known"]
    assert " 77.3 " in rows["unknown"]
    assert "±" not in rows["unknown"]
    assert "mIoU low" not in printed
    assert "± is half the width of the 95 % bootstrap interval over 3 images" in printed
