"""`--average-over`: classes that leave every mean, while their pixels still count as errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import LabelError
from segbench.images.files import read_labels, write_labels
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import totals
from segbench.metrics.scores import score
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from tests.tiny import LABELS, tiny_dataset

COUNTS = np.array([[8, 2, 0, 0], [3, 7, 0, 0], [1, 0, 5, 2]])


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def scoring(tmp_path: Path) -> list[Any]:
    for sample in tiny_dataset(tmp_path / "data").samples:
        write_labels(tmp_path / "preds" / sample.target.name, np.roll(read_labels(sample.target), 1, 1))
    (tmp_path / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    return ["score", tmp_path / "preds", tmp_path / "data" / "targets", "--labels", tmp_path / "labels.yaml"]


def test_means_hold_the_chosen_classes_and_the_others_are_still_wrong() -> None:
    all_of, chosen = (score(ConfusionMatrix(labels, COUNTS)) for labels in (LABELS, LABELS.averaging(["left", "spot"])))
    assert chosen.miou == pytest.approx((8 / 14 + 5 / 8) / 2)
    assert chosen.acc_cls == pytest.approx((8 / 10 + 5 / 8) / 2)
    assert chosen.dice == pytest.approx((16 / 22 + 10 / 13) / 2)
    assert chosen.precision == pytest.approx((8 / 12 + 1) / 2)
    assert chosen.class_iou.tolist() == all_of.class_iou.tolist()
    assert (chosen.acc, chosen.fwiou) == (all_of.acc, all_of.fwiou)


def test_the_label_space_keeps_it() -> None:
    labels = LABELS.averaging(["spot"])
    assert LabelSpace.from_dict(labels.to_dict()) == labels
    assert labels != LABELS
    assert labels.averaging(labels.class_names) == LABELS
    assert "averaged" not in json.dumps(LABELS.to_dict())
    with pytest.raises(LabelError, match="no class 'spt' in tiny-3; did you mean 'spot'"):
        LABELS.averaging(["spt"])
    with pytest.raises(LabelError, match="leaves every class out of the mean"):
        LABELS.averaging([])


def test_a_record_says_so_in_its_signature_and_is_compared_with_no_other(scoring: list[Any], tmp_path: Path) -> None:
    more = ["--average-over", "left,spot", "--boundary", "--errors", "--json", tmp_path / "some.json"]
    some = segbench(*scoring, *more)
    assert some.exit_code == 0, some.output
    assert segbench(*scoring, "--boundary", "--errors", "--json", tmp_path / "all.json").exit_code == 0
    record = read_run(tmp_path / "some.json")
    assert "|average:left,spot|" in record.signature
    assert "mean of 2 of 3 classes" in some.stdout
    assert "left out on request, while their pixels count as errors of the others: right" in some.stdout
    iou = record.scores.class_iou
    assert record.scores.miou == pytest.approx((iou[0] + iou[2]) / 2)
    whole = totals(record.labels, read_per_image(tmp_path / "some.npz")[1])
    stored = json.loads((tmp_path / "some.json").read_text())["scores"]
    for name in ("miou", "acc_cls", "boundary_miou", "cured_border", "gain_border"):
        assert float(whole[name]) == pytest.approx(stored[name]), name
    assert record.intervals is not None
    low, high = record.intervals.bounds["miou"]
    assert low <= record.scores.miou <= high
    refused = segbench("compare", tmp_path / "some.json", tmp_path / "all.json")
    assert refused.exit_code == 2
    assert "average: left,spot and nothing" in refused.stderr


def test_shards_and_verify_keep_it(scoring: list[Any], tmp_path: Path) -> None:
    more = ["--average-over", "left,spot"]
    assert segbench(*scoring, *more, "--json", tmp_path / "one.json").exit_code == 0
    for shard in ("1/2", "2/2"):
        assert segbench(*scoring, *more, "--out", tmp_path / "parts", "--shard", shard).exit_code == 0
    assert segbench("merge", tmp_path / "parts", "--json", tmp_path / "all.json").exit_code == 0
    assert (tmp_path / "all.json").read_bytes() == (tmp_path / "one.json").read_bytes()
    verified = segbench("verify", tmp_path / "one.json", "--preds", tmp_path / "preds", "--gts", tmp_path / "data" / "targets")
    assert verified.exit_code == 0, verified.output


def test_what_does_not_go_together_is_refused(scoring: list[Any]) -> None:
    assert "leave out --average-over" in segbench(*scoring, "--average-over", "left", "--explain").stderr
    assert "did you mean 'left'?" in segbench(*scoring, "--average-over", "leftt").stderr


def test_run_averages_over_some_classes_and_its_command_repeats_it(small_minicity: Path, tmp_path: Path) -> None:
    options = ["--dataset", "minicity", "--data", small_minicity, "--limit", 2, "--repeats", 0, "--out", tmp_path / "out"]
    ran = segbench("run", "--models", "enet", *options, "--average-over", "road,traffic light")
    assert ran.exit_code == 0, ran.output
    record = read_run(tmp_path / "out" / "records" / "enet.json")
    iou = record.scores.class_iou[list(record.labels.averaged)]
    assert record.scores.miou == pytest.approx(np.nanmean(iou))
    assert "--average-over 'road,traffic light'" in record.command
    assert "average:road,traffic light|" in record.signature
