from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.cityscapes import LABELS
from segbench.datasets.kitti import kitti
from segbench.errors import DataError
from segbench.images.files import write_image, write_labels
from tests.datasets.contract import broken


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(200):
        width = 4 + number % 3  # sizes vary
        if number < 9:
            write_image(tmp_path / f"training/image_2/{number:06}_10.png", np.zeros((2, width, 3), np.uint8))
            write_labels(tmp_path / f"training/semantic/{number:06}_10.png", np.full((2, width), 7, np.uint8))
        else:
            for folder in ("image_2", "semantic"):
                (tmp_path / "training" / folder / f"{number:06}_10.png").touch()
    write_image(tmp_path / "training/image_2/000000_11.png", np.zeros((2, 4, 3), np.uint8))
    write_image(tmp_path / "testing/image_2/000000_10.png", np.zeros((2, 4, 3), np.uint8))
    return tmp_path


def test_training_is_all_images_and_train_and_val_are_the_parts_of_mseg(root: Path) -> None:
    whole, train, val = (kitti(root, split) for split in ("training", "train", "val"))
    assert [len(dataset) for dataset in (whole, train, val)] == [200, 150, 50]
    assert {s.id for s in train.samples} | {s.id for s in val.samples} == {s.id for s in whole.samples}
    assert [sample.id for sample in val.samples[:3]] == ["000001_10", "000003_10", "000007_10"]
    assert kitti(root).split == "training"


def test_a_dataset_of_varying_sizes_in_labels_of_cityscapes_keeps_the_contract(tmp_path: Path, root: Path) -> None:
    for folder in ("image_2", "semantic"):
        for path in (root / "training" / folder).glob("*.png"):
            if int(path.name[:6]) >= 9:
                path.unlink()
    dataset = kitti(root)
    assert dataset.labels == LABELS
    assert len(dataset) == 9
    assert not broken(dataset)


def test_every_file_without_a_partner_is_named(root: Path) -> None:
    (root / "training/semantic/000003_10.png").unlink()
    (root / "training/image_2/000007_10.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        kitti(root)
    assert "000003_10.png: its target is missing" in caught.value.problems[0]
    assert len(kitti(root, "train")) == 150


def test_the_withheld_split_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="its splits are training, train, val"):
        kitti(root, "testing")
