from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets import gta5 as module
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.gta5 import LABELS, gta5
from segbench.errors import DataError, ImageError
from segbench.images.files import write_image, write_labels
from tests.datasets.contract import broken

PALETTE = np.arange(256 * 3, dtype=np.uint8).reshape(256, 3)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "UNEQUAL", 1 / 3)  # one of so few is more than 1 %
    for number, width in ((1, 5), (2, 5), (2154, 6)):
        write_image(tmp_path / f"images/{number:05}.png", np.zeros((7, 5, 3), np.uint8))
        write_labels(tmp_path / f"labels/{number:05}.png", np.arange(7 * width, dtype=np.uint8).reshape(7, width) % 35, PALETTE)
    return tmp_path


def test_indices_of_the_palette_are_label_ids_and_a_license_plate_is_34(root: Path) -> None:
    dataset = gta5(root)
    assert np.array_equal(dataset.read_target(dataset.samples[0]), np.arange(35).reshape(7, 5))
    assert LABELS.class_names == CITYSCAPES.class_names
    assert np.array_equal(LABELS.index_of_id[:34], CITYSCAPES.index_of_id[:34])
    assert LABELS.index_of_id[34] == 19
    assert not broken(dataset)


def test_pairs_of_unequal_size_are_left_out_and_gaps_in_the_numbers_do_no_harm(root: Path) -> None:
    assert [sample.id for sample in gta5(root).samples] == ["00001", "00002"]


def test_many_unequal_pairs_are_an_error_that_names_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNEQUAL", 0.33)
    with pytest.raises(DataError, match="1 of 3 pairs differ in size") as caught:
        gta5(root)
    assert caught.value.problems == ("02154: image 5x7, label map 6x7",)


def test_a_file_without_a_partner_and_one_that_is_no_png_are_named(root: Path) -> None:
    (root / "labels/00002.png").write_bytes(b"GIF89a")
    with pytest.raises(ImageError, match=r"labels/00002\.png: this is not a PNG file"):
        gta5(root)
    (root / "labels/00001.png").unlink()
    with pytest.raises(DataError, match=r"00001\.png: its target is missing"):
        gta5(root)


def test_there_is_nothing_to_be_evaluated_on(root: Path) -> None:
    with pytest.raises(DataError, match="its splits are train"):
        gta5(root, "val")
