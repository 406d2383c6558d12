from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.base import Dataset
from segbench.datasets.pascal_context import LABELS_59, LABELS_60, NAMES, pascal_context59, pascal_context60
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

TARGET = np.uint8([[0, 0, 1], [59, 37, 255]])


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """VOCdevkit with two pairs in train, whose list names one twice, and a photograph that belongs to none."""
    root = tmp_path / "VOCdevkit" / "VOC2010"
    for name in ("2008_000008", "2008_000002", "2008_000001"):
        write_photograph(root / "JPEGImages" / f"{name}.jpg", (2, 3))
    for name in ("2008_000008", "2008_000002"):
        write_labels(root / "SegmentationClassContext" / f"{name}.png", TARGET)
    lists = root / "ImageSets" / "SegmentationContext"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2008_000008\n2008_000002\n2008_000008\n")
    return tmp_path / "VOCdevkit"


@pytest.mark.parametrize("protocol", [pascal_context59, pascal_context60])
def test_an_id_that_its_list_names_twice_is_one_sample(devkit: Path, protocol: Callable[..., Dataset]) -> None:
    dataset = protocol(devkit, "train")
    assert [sample.id for sample in dataset.samples] == ["2008_000002", "2008_000008"]
    assert (dataset.title, dataset.official_images) == (f"{protocol.__name__}-train", 4998)
    assert not broken(dataset)


@pytest.mark.parametrize(("protocol", "evaluated"), [(pascal_context59, 3), (pascal_context60, 5)])
def test_the_background_is_void_for_59_classes_and_a_class_for_60(
    devkit: Path, tmp_path: Path, protocol: Callable[..., Dataset], evaluated: int
) -> None:
    for name in ("2008_000002", "2008_000008"):
        write_labels(tmp_path / "preds" / f"{name}.png", np.minimum(TARGET, 59))
    counts = score_folder(tmp_path / "preds", protocol(devkit, "train")).confusion.counts
    assert (counts.sum(), counts.trace()) == (2 * evaluated, 2 * evaluated)


def test_bytes_are_ranks_in_the_alphabet() -> None:
    assert list(NAMES) == sorted(NAMES)
    assert (len(LABELS_59.classes), len(LABELS_60.classes)) == (59, 60)
    assert LABELS_60.class_names == ("background", *LABELS_59.class_names)
    for space in (LABELS_59, LABELS_60):
        ids = {label.name: label.ids for label in space.labels}
        assert (ids["background"], ids["aeroplane"], ids["person"], ids["wood"]) == ((0,), (1,), (37,), (59,))


def test_every_missing_file_is_named(devkit: Path) -> None:
    (devkit / "VOC2010" / "JPEGImages" / "2008_000002.jpg").unlink()
    (devkit / "VOC2010" / "SegmentationClassContext" / "2008_000008.png").unlink()
    with pytest.raises(DataError, match="2 of 4 files are missing") as caught:
        pascal_context59(devkit, "train")
    assert all(any(name in line for line in caught.value.problems) for name in ("image of 2008_000002", "target of 2008_000008"))


def test_without_folder_list_or_split_the_way_out_is_said(devkit: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        pascal_context60()
    with pytest.raises(DataError, match="its splits are train, val"):
        pascal_context59(devkit, "trainval")
    with pytest.raises(DataError, match="list of the split is missing"):
        pascal_context59(devkit)
    with pytest.raises(DataError, match="JPEGImages and SegmentationClassContext not found"):
        pascal_context59(devkit / "VOC2010" / "JPEGImages")
