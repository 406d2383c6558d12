from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segbench.datasets.ade20k import LABELS as ADE
from segbench.metrics.confusion import ConfusionMatrix
from segbench.records.run_record import RunRecord
from segbench.report.tables.cautions import averaging, cautions, notes, warnings
from tests.strategies import plain_labels


def record(rows: list[list[int]], *, void: int = 0, name: str = "net") -> RunRecord:
    """Rows are target classes, columns predicted classes and no class."""
    counts = np.array(rows, np.int64)
    data = {"name": "d", "split": "val", "images": 1, "targets_sha256": "0", "pixels": int(counts.sum()) + void}
    return RunRecord({"name": name}, data, {}, {}, ConfusionMatrix(plain_labels(len(rows)), counts))


def test_averaged_absent_and_only_predicted_classes_are_named() -> None:
    assert averaging(record([[5, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])) == (
        "mIoU: one confusion matrix over the pixels of all images, mean of 2 of 3 classes; "
        "left out, in neither targets nor predictions: class 2; only predicted, so IoU 0: class 1"
    )
    assert averaging(record([[5, 1, 0], [1, 9, 0]])).endswith("mean of 2 of 2 classes")


def test_a_list_of_absent_classes_is_cut_where_it_gets_long() -> None:
    only_wall = np.zeros((150, 151), np.int64)
    only_wall[0, 0] = 1
    one = replace(record([[1, 0]]), confusion=ConfusionMatrix(ADE, only_wall))
    assert averaging(one).endswith(f", {ADE.class_names[12]} and 137 more")


@pytest.mark.parametrize(
    ("rows", "void", "said"),
    [
        ([[50, 2, 0], [3, 45, 0]], 20, []),
        ([[50, 2, 0], [3, 45, 0]], 60, ["37.5 % of the target pixels are void"]),
        ([[50, 2, 0], [0, 0, 0]], 0, ["the targets hold one class only, 'class 0'"]),
        ([[50, 2, 0], [0, 0, 0]], 100, ["65.8 % of the target pixels are void", "one class only"]),
        ([[50, 0, 10], [0, 40, 0]], 0, ["10.0 % of the evaluated pixels are predicted as no class"]),
        ([[0, 0, 0], [0, 0, 0]], 9, ["every target pixel is void, so no score is defined; if these are the withheld targets"]),
        ([[50, 4]], 0, ["7.4 % of the evaluated pixels are predicted as no class"]),
    ],
)
def test_what_makes_scores_mean_less_is_said_and_nothing_else(rows: list[list[int]], void: int, said: list[str]) -> None:
    found = cautions(record(rows, void=void))
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert part in line


def test_a_record_of_an_older_version_has_no_pixels_to_warn_of() -> None:
    old = record([[50, 2, 0], [3, 45, 0]], void=500)
    old = replace(old, dataset={key: value for key, value in old.dataset.items() if key != "pixels"})
    assert cautions(old) == []


def test_what_is_the_same_for_all_models_is_said_once() -> None:
    same = [record([[5, 1, 0], [1, 9, 0]], name=name) for name in "ab"]
    assert notes(same) == [averaging(same[0])]
    other = [same[0], record([[5, 0, 0], [0, 0, 0]], name="b")]
    assert notes(other) == [f"{each.name}: {averaging(each)}" for each in other]
    assert [line.partition(":")[0] for line in warnings(other)] == ["b"]


def test_data_that_are_not_those_that_are_handed_out_are_said_to_be_so() -> None:
    odd = record([[50, 2, 0], [3, 45, 0]])
    odd = replace(odd, dataset={**odd.dataset, "unofficial": ["3 images instead of 500", "3 targets are not 2048x1024"]})
    assert cautions(odd) == [
        "these are not the data of d as they are handed out, so the scores compare with no others: "
        "3 images instead of 500; 3 targets are not 2048x1024"
    ]
