from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets import cityscapes
from segbench.datasets.target_folder import target_folder
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.strategies import plain_labels


def test_a_folder_in_the_official_layout_is_cityscapes(cityscapes_set: Path) -> None:
    dataset = target_folder(cityscapes_set)
    assert (dataset.title, len(dataset), dataset.instances) == ("cityscapes-val", 3, cityscapes.INSTANCES)


@pytest.mark.parametrize("labels", [None, cityscapes.LABELS], ids=["no label space", "the label space of Cityscapes"])
def test_files_named_like_cityscapes_targets_are_cityscapes(cityscapes_set: Path, labels: object) -> None:
    dataset = target_folder(cityscapes_set / "gtFine" / "val", labels)  # type: ignore[arg-type]
    assert [sample.id for sample in dataset.samples] == ["aachen_000001_000001", "lindau_000001_000000", "lindau_000001_000002"]
    assert dataset.prefix_pairing
    assert dataset.instances == cityscapes.INSTANCES
    layout = score_folder(cityscapes_set / "results", target_folder(cityscapes_set))
    assert np.array_equal(score_folder(cityscapes_set / "results", dataset).pairs, layout.pairs)


def test_without_instance_maps_there_is_no_instance_rule(cityscapes_set: Path) -> None:
    for path in cityscapes_set.rglob("*_instanceIds.png"):
        path.unlink()
    dataset = target_folder(cityscapes_set / "gtFine")
    assert dataset.instances is None
    assert score_folder(cityscapes_set / "results", dataset).instances is None


def test_any_folder_is_a_dataset_with_a_label_space(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.png", "0.png"):
        write_labels(tmp_path / name, np.zeros((2, 2), np.uint8))
    dataset = target_folder(tmp_path, plain_labels(2))
    assert [sample.id for sample in dataset.samples] == ["0", "a/1", "b/2"]
    assert (dataset.name, dataset.split, dataset.prefix_pairing, dataset.instances) == (tmp_path.name, "custom", False, None)


def test_a_folder_scored_against_itself_is_perfect(tmp_path: Path) -> None:
    write_labels(tmp_path / "a" / "1.png", np.uint8([[0, 1], [1, 255]]))
    scores = score_folder(tmp_path, target_folder(tmp_path, plain_labels(2)))
    assert scores.confusion.counts.tolist() == [[1, 0, 0], [0, 2, 0]]


def test_a_folder_that_is_missing_empty_or_of_unknown_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        target_folder(tmp_path / "none")
    with pytest.raises(DataError, match="no label maps"):
        target_folder(tmp_path, plain_labels(2))
    write_labels(tmp_path / "1.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(DataError, match=r"--dataset NAME or --labels FILE\.yaml"):
        target_folder(tmp_path)


def test_a_single_missing_instance_map_is_refused_and_named(cityscapes_set: Path) -> None:
    shutil.rmtree(cityscapes_set / "gtFine" / "val" / "lindau")
    next(cityscapes_set.rglob("*_instanceIds.png")).unlink()
    folder = cityscapes_set / "gtFine"
    write_labels(folder / "x_0_1_gtFine_labelIds.png", np.full((2, 2), 7, np.uint8))
    write_labels(folder / "x_0_1_gtFine_instanceIds.png", np.full((2, 2), 7, np.uint8))
    with pytest.raises(DataError, match="instanceIds"):
        score_folder(cityscapes_set / "results", target_folder(folder))
