from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.voc import LABELS, pascal_voc2012
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.labels.tables import voc_color
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

PALETTE = np.uint8([voc_color(i) for i in range(256)])
BORDERED = np.uint8([[0, 0, 255, 15], [0, 255, 255, 15], [255, 20, 20, 255]])


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """VOCdevkit with two pairs in val, one in train, their augmented targets, and a photograph without a target."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("2007_000033", "2007_000042", "2007_000032", "2007_000027"):
        write_photograph(root / "JPEGImages" / f"{name}.jpg", (3, 4))
    for name in ("2007_000033", "2007_000042", "2007_000032"):
        write_labels(root / "SegmentationClass" / f"{name}.png", BORDERED, PALETTE)
        write_labels(root / "SegmentationClassAug" / f"{name}.png", np.full((3, 4), 15, np.uint8))
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2007_000042\n2007_000033\n")
    (lists / "train.txt").write_text("2007_000032\n")
    (lists / "trainaug.txt").write_text("/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\n")
    return tmp_path / "VOCdevkit"


def test_a_split_is_its_list_and_palette_images_are_read_as_indices(devkit: Path) -> None:
    dataset = pascal_voc2012(devkit)
    assert (dataset.title, len(dataset.labels.classes), dataset.official_images) == ("pascal_voc2012-val", 21, 1449)
    assert [sample.id for sample in dataset.samples] == ["2007_000033", "2007_000042"]
    assert np.array_equal(dataset.read_target(dataset.samples[0]), BORDERED)
    assert not broken(dataset)


@pytest.mark.parametrize("folder", ["", "..", "VOC2012"])
def test_the_folder_may_be_the_devkit_what_holds_it_or_what_is_in_it(devkit: Path, folder: str) -> None:
    assert len(pascal_voc2012(devkit / folder)) == 2


def test_the_border_around_objects_is_void_and_background_a_class(devkit: Path, tmp_path: Path) -> None:
    for name in ("2007_000033", "2007_000042"):
        write_labels(tmp_path / "preds" / f"{name}.png", np.where(BORDERED == 255, 0, BORDERED).astype(np.uint8))
    counts = score_folder(tmp_path / "preds", pascal_voc2012(devkit)).confusion.counts
    assert counts.sum() == 2 * np.count_nonzero(BORDERED != 255)
    assert {index: counts[index, index] for index in np.flatnonzero(counts.sum(axis=1)).tolist()} == {0: 6, 15: 4, 20: 4}


def test_only_the_augmented_split_takes_the_augmented_targets(devkit: Path) -> None:
    augmented, train = pascal_voc2012(devkit, "train_aug"), pascal_voc2012(devkit, "train")
    assert [sample.target.parent.name for sample in (*augmented.samples, *train.samples)] == ["SegmentationClassAug", "SegmentationClass"]
    assert [sample.id for sample in augmented.samples] == ["2007_000032"]


def test_every_missing_file_is_named(devkit: Path) -> None:
    (devkit / "VOC2012" / "JPEGImages" / "2007_000033.jpg").unlink()
    (devkit / "VOC2012" / "SegmentationClass" / "2007_000042.png").unlink()
    with pytest.raises(DataError, match="2 of 4 files are missing") as caught:
        pascal_voc2012(devkit)
    assert all(any(name in line for line in caught.value.problems) for name in ("image of 2007_000033", "target of 2007_000042"))


def test_without_folder_list_or_split_the_way_out_is_said(devkit: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        pascal_voc2012()
    with pytest.raises(DataError, match="JPEGImages and ImageSets not found"):
        pascal_voc2012(devkit / "VOC2012" / "JPEGImages")
    with pytest.raises(DataError, match="its splits are train, val, trainval, train_aug"):
        pascal_voc2012(devkit, "test")
    with pytest.raises(DataError, match=r"trainval\.txt: list of the split is missing"):
        pascal_voc2012(devkit, "trainval")


def test_the_classes_are_the_official_ones_in_the_official_colours() -> None:
    assert LABELS.class_names[:2] == ("background", "aeroplane")
    assert LABELS.class_names[-1] == "tvmonitor"
    assert (LABELS.classes[15].name, LABELS.classes[15].color) == ("person", (192, 128, 128))
    assert LABELS.void[0].color == (224, 224, 192)
