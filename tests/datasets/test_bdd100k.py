from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets import cityscapes
from segbench.datasets.bdd100k import LABELS, OF_2018, TODAY, bdd100k
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

TARGET = np.uint8([[0, 18, 13], [255, 255, 13]])
NAMES = ("7d06fefd-f7be05a6", "7d128593-0ccfea4c")


def _write(root: Path, layout: tuple[str, str, str]) -> Path:
    images, labels, suffix = layout
    for name in NAMES:
        write_photograph(root / images / "val" / f"{name}.jpg", (2, 3))
        write_labels(root / labels / "val" / f"{name}{suffix}", TARGET)
    return root


@pytest.mark.parametrize("layout", [TODAY, OF_2018], ids=["today", "of 2018"])
@pytest.mark.parametrize("inner", ["", "bdd100k"])
def test_both_layouts_are_read_from_the_folder_or_from_bdd100k_in_it(tmp_path: Path, layout: tuple[str, str, str], inner: str) -> None:
    _write(tmp_path / inner, layout)
    dataset = bdd100k(tmp_path)
    assert [sample.id for sample in dataset.samples] == list(NAMES)
    assert np.array_equal(dataset.read_target(dataset.samples[0]), TARGET)
    assert (dataset.title, dataset.official_images) == ("bdd100k-val", 1000)
    assert not broken(dataset)


def test_where_both_layouts_lie_the_one_of_today_is_read(tmp_path: Path) -> None:
    _write(_write(tmp_path, OF_2018), TODAY)
    assert all("sem_seg" in sample.target.parts for sample in bdd100k(tmp_path).samples)


def test_bytes_are_train_ids_of_the_classes_of_cityscapes_and_255_is_void(tmp_path: Path) -> None:
    _write(tmp_path, TODAY)
    assert LABELS.class_names == cityscapes.LABELS.class_names
    assert [label.ids for label in LABELS.classes] == [(i,) for i in range(19)]
    for name in NAMES:
        write_labels(tmp_path / "preds" / f"{name}.png", np.where(TARGET == 255, 0, TARGET).astype(np.uint8))
    counts = score_folder(tmp_path / "preds", bdd100k(tmp_path)).confusion.counts
    assert {i: int(counts[i, i]) for i in np.flatnonzero(counts.sum(axis=1)).tolist()} == {0: 2, 13: 4, 18: 2}


def test_files_without_a_partner_are_all_named(tmp_path: Path) -> None:
    _write(tmp_path, TODAY)
    (tmp_path / TODAY[0] / "val" / f"{NAMES[0]}.jpg").unlink()
    (tmp_path / TODAY[1] / "val" / f"{NAMES[1]}.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        bdd100k(tmp_path)
    assert all(any(name in line for line in caught.value.problems) for name in NAMES)


def test_without_folder_or_split_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        bdd100k()
    with pytest.raises(DataError, match="images/10k and labels/sem_seg/masks not found"):
        bdd100k(tmp_path)
    with pytest.raises(DataError, match="its splits are train, val"):
        bdd100k(_write(tmp_path, TODAY), "test")
