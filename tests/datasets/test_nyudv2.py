from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.datasets.base import read_depth
from segbench.datasets.nyudv2 import LABELS, nyudv2
from segbench.errors import DataError
from segbench.evaluation.inference import evaluate
from segbench.images.files import write_image, write_labels, write_uint16
from segbench.models.zoo.rednet import rednet
from tests.datasets.contract import broken


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "test.txt").write_text("0009\n0001\n")
    for number in (1, 9):
        write_image(tmp_path / f"test/rgb/{number:04}.png", np.zeros((2, 3, 3), np.uint8))
        write_labels(tmp_path / f"test/labels_40/{number:04}.png", np.array([[0, 1, 2], [37, 39, 40]], np.uint8))
        write_uint16(tmp_path / f"test/depth/{number:04}.png", np.full((2, 3), 2842, np.uint16))
    return tmp_path


def test_numbers_from_one_are_classes_and_zero_is_void(root: Path) -> None:
    dataset = nyudv2(root)
    index = LABELS.index_of_id[dataset.read_target(dataset.samples[0])]
    assert index.tolist() == [[40, 0, 1], [36, 38, 39]]
    assert (LABELS.class_names[0], LABELS.class_names[36], LABELS.class_names[39]) == ("wall", "bag", "otherprop")
    assert [sample.id for sample in dataset.samples] == ["0001", "0009"]
    assert not broken(dataset)


def test_depth_is_in_deviations_from_the_mean(root: Path) -> None:
    dataset = nyudv2(root)
    depth = read_depth(dataset, dataset.samples[0], (2, 3))
    assert depth.dtype == np.float32
    assert np.allclose(depth, 0, atol=1e-3)
    write_uint16(root / "test/depth/0001.png", np.full((2, 3), 2842 + 2835, np.uint16))
    assert np.allclose(read_depth(dataset, dataset.samples[0], (2, 3)), 2, atol=1e-2)


def test_without_depth_photographs_can_still_be_read(root: Path) -> None:
    shutil.rmtree(root / "test/depth")
    dataset = nyudv2(root)
    assert not broken(dataset)
    with pytest.raises(DataError, match="there is no depth map"):
        read_depth(dataset, dataset.samples[0], (2, 3))


def test_every_missing_file_is_named(root: Path) -> None:
    (root / "test/depth/0001.png").unlink()
    with pytest.raises(DataError, match="1 of 2 files are missing") as caught:
        nyudv2(root)
    assert "depth of 0001" in caught.value.problems[0]
    (root / "test/rgb/0001.png").unlink()
    (root / "test/labels_40/0009.png").unlink()
    with pytest.raises(DataError, match="2 of 4 files are missing"):
        nyudv2(root)
    with pytest.raises(DataError, match=r"train\.txt not found"):
        nyudv2(root, "train")


def test_a_network_with_depth_is_fed_it_and_one_without_depth_refuses(root: Path) -> None:
    dataset = nyudv2(root)
    segmenter = rednet(dataset.labels, width=1 / 32)
    fed: list[torch.Tensor] = []
    segmenter.network.register_forward_pre_hook(lambda _, inputs: fed.append(inputs[1]))
    write_uint16(root / "test/depth/0001.png", np.full((2, 3), 2842 + 2835, np.uint16))
    assert len(list(evaluate([segmenter], dataset.first(1)))) == 1
    assert torch.allclose(fed[0][..., :2, :3], torch.tensor(2.0), atol=1e-2)
    shutil.rmtree(root / "test/depth")
    with pytest.raises(DataError, match="there is no depth map"):
        list(evaluate([segmenter], nyudv2(root)))
