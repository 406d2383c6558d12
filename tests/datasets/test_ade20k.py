from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.ade20k import LABELS, ade20k
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

TARGET = np.uint8([[0, 1, 1, 150], [0, 2, 2, 150]])
NAMES = ("ADE_val_00000001", "ADE_val_00000002")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    root = tmp_path / "ADEChallengeData2016"
    for name in reversed(NAMES):
        write_photograph(root / "images" / "validation" / f"{name}.jpg", (2, 4))
        write_labels(root / "annotations" / "validation" / f"{name}.png", TARGET)
    write_photograph(root / "images" / "training" / "ADE_train_00000001.jpg", (2, 4))
    write_labels(root / "annotations" / "training" / "ADE_train_00000001.png", TARGET)
    return root


def _score(benchmark: Path, pred: np.ndarray, **options: str) -> np.ndarray:
    for name in NAMES:
        write_labels(benchmark.parent / "preds" / f"{name}.png", pred.astype(np.uint8))
    return score_folder(benchmark.parent / "preds", ade20k(benchmark), **options).confusion.counts  # type: ignore[arg-type]


def test_images_and_annotations_of_a_split_are_paired_and_sorted(benchmark: Path) -> None:
    for folder in (benchmark, benchmark.parent):
        dataset = ade20k(folder)
        assert [sample.id for sample in dataset.samples] == list(NAMES)
    assert (dataset.title, dataset.official_images) == ("ade20k-val", 2000)
    assert not broken(dataset)
    assert [sample.id for sample in ade20k(benchmark, "train").samples] == ["ADE_train_00000001"]


def test_other_objects_are_void_and_wall_is_the_first_class(benchmark: Path) -> None:
    counts = _score(benchmark, np.maximum(TARGET, 1))
    assert {i: counts[i].sum() for i in np.flatnonzero(counts.sum(axis=1)).tolist()} == {0: 4, 1: 4, 149: 4}
    assert counts.trace() == 12
    assert (LABELS.class_names[0], LABELS.class_names[149], len(LABELS.classes)) == ("wall", "flag", 150)


def test_predictions_that_count_classes_from_zero_are_shifted_when_they_say_so(benchmark: Path) -> None:
    from_zero = np.where(TARGET == 0, 0, TARGET - 1)
    assert np.array_equal(_score(benchmark, from_zero, encoding="train-ids"), _score(benchmark, np.maximum(TARGET, 1)))
    with pytest.raises(DataError, match="look like train ids"):
        _score(benchmark, from_zero)


def test_files_without_a_partner_are_all_named(benchmark: Path) -> None:
    (benchmark / "images" / "validation" / "ADE_val_00000001.jpg").unlink()
    (benchmark / "annotations" / "validation" / "ADE_val_00000002.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        ade20k(benchmark)
    assert all(any(name in line for line in caught.value.problems) for name in NAMES)


def test_without_folder_split_or_files_the_way_out_is_said(benchmark: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        ade20k()
    with pytest.raises(DataError, match="its splits are train, val"):
        ade20k(benchmark, "test")
    (tmp_path / "full" / "images" / "ADE" / "training").mkdir(parents=True)
    with pytest.raises(DataError, match=r"annotations not found in .*\n.*not of the full ADE20K"):
        ade20k(tmp_path / "full")
    for folder in ("images", "annotations"):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    with pytest.raises(DataError, match="there is nothing in"):
        ade20k(tmp_path / "empty")
