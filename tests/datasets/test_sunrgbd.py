from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.base import read_depth
from segbench.datasets.sunrgbd import LABELS, sunrgbd
from segbench.errors import DataError
from segbench.images.files import write_labels, write_uint16
from tests.datasets.contract import broken

SCENES = {
    "test": ["SUNRGBD/kv2/kinect2data/000002_a-resize/image/0000103.jpg", "SUNRGBD/realsense/sa/2014_10_21-18_18_54//image/0000063.jpg"],
    "train": ["SUNRGBD/xtion/sun3ddata/z/image/0000001.jpg", "SUNRGBD/kv1/NYUdata/NYU0001/image/NYU0001.jpg"],
}
NUMBERS = {"test": 1, "train": 5051}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, file in (("test", "sunrgbd_testing_images.txt"), ("train", "sunrgbd_training_images.txt")):
        (tmp_path / file).write_text("\n".join(SCENES[split]) + "\n")
        for line, image in enumerate(SCENES[split]):
            size = (4 + line, 3)  # sensors differ in size, so a label map under a wrong number shows
            path = tmp_path / image
            path.parent.mkdir(parents=True)
            Image.new("RGB", size).save(path)
            write_uint16(path.parent.parent / "depth_bfx" / "another_name.png", np.full(size[::-1], 19050, np.uint16))
            write_uint16(path.parent.parent / "depth" / "another_name.png", np.zeros(size[::-1], np.uint16))
            target = np.arange(size[0] * 3, dtype=np.uint8).reshape(size[::-1])
            target[-1, -1] = 37
            write_labels(tmp_path / "sunrgbd_train_test_labels" / f"img-{NUMBERS[split] + line:06}.png", target)
    return tmp_path


def test_label_maps_are_numbered_with_the_test_images_first_in_the_order_of_the_lists(root: Path) -> None:
    test, train = sunrgbd(root), sunrgbd(root, "train")
    assert [sample.id for sample in test.samples] == ["img-000001", "img-000002"]
    assert [sample.id for sample in train.samples] == ["img-005051", "img-005052"]
    assert train.samples[1].image == root / "SUNRGBD/kv1/NYUdata/NYU0001/image/NYU0001.jpg"
    assert not broken(test)
    assert not broken(train)


def test_thirty_seven_classes_are_numbered_from_one(root: Path) -> None:
    dataset = sunrgbd(root)
    index = LABELS.index_of_id[dataset.read_target(dataset.samples[0])]
    assert index[0].tolist() == [37, 0, 1, 2]
    assert index[-1, -1] == 36
    assert LABELS.class_names[36] == "bag"


def test_depth_is_the_filled_one_as_rednet_is_fed_it(root: Path) -> None:
    dataset = sunrgbd(root)
    assert (read_depth(dataset, dataset.samples[0], (3, 4)) == 0).all()
    write_uint16(dataset.samples[0].extras["depth"], np.full((3, 4), 19050 + 9650, np.uint16))
    assert (read_depth(dataset, dataset.samples[0], (3, 4)) == 1).all()


def test_every_missing_file_is_named(root: Path) -> None:
    (root / "SUNRGBD/kv2/kinect2data/000002_a-resize/depth_bfx/another_name.png").unlink()
    with pytest.raises(DataError, match="1 of 2 files are missing") as caught:
        sunrgbd(root)
    assert "depth of img-000001" in caught.value.problems[0]
    (root / SCENES["test"][0]).unlink()
    (root / "sunrgbd_train_test_labels/img-000002.png").unlink()
    with pytest.raises(DataError, match="2 of 4 files are missing"):
        sunrgbd(root)
    (root / "sunrgbd_testing_images.txt").write_text("\n")
    with pytest.raises(DataError, match="the list of the split is empty"):
        sunrgbd(root)
