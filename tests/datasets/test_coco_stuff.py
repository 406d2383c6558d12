from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.checks.dataset_contract import check_dataset
from segbench.datasets.coco_stuff import LABELS, coco_stuff
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

TARGET = np.uint8([[0, 10, 12, 181], [255, 255, 91, 181]])
WITHOUT_MASKS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    for name in ("000000000285", "000000000139"):
        write_photograph(tmp_path / "images" / "val2017" / f"{name}.jpg", (2, 4))
        write_labels(tmp_path / "annotations" / "val2017" / f"{name}.png", TARGET)
        write_labels(tmp_path / "annotations" / "val2017" / f"{name}_labelTrainIds.png", np.full((2, 4), 7, np.uint8))
    return tmp_path


def test_images_and_maps_are_paired_and_converted_maps_beside_them_are_left_alone(coco: Path) -> None:
    dataset = coco_stuff(coco)
    assert [sample.id for sample in dataset.samples] == ["000000000139", "000000000285"]
    assert np.array_equal(dataset.read_target(dataset.samples[0]), TARGET)
    assert (dataset.title, dataset.official_images) == ("coco_stuff-val", 5000)
    assert not broken(dataset)


def test_the_folder_may_be_that_of_the_authors_repository(coco: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    checkout = tmp_path_factory.mktemp("cocostuff")
    (checkout / "dataset").symlink_to(coco)
    assert len(coco_stuff(checkout)) == 2


def test_a_byte_is_the_number_of_the_label_less_one_and_gaps_are_closed() -> None:
    assert len(LABELS.classes) == 171
    assert [(label.name, label.ids[0]) for label in LABELS.classes if label.ids[0] in (0, 10, 12, 89, 91, 181)] == [
        ("person", 0),
        ("fire hydrant", 10),
        ("stop sign", 12),
        ("toothbrush", 89),
        ("banner", 91),
        ("wood", 181),
    ]
    assert set(range(182)) - LABELS.known_ids == {number - 1 for number in WITHOUT_MASKS}
    assert [LABELS.index_of_id[byte] for byte in (10, 12, 181, 255)] == [10, 11, 170, 171]


def test_unlabelled_is_void(coco: Path, tmp_path: Path) -> None:
    for name in ("000000000285", "000000000139"):
        write_labels(tmp_path / "preds" / f"{name}.png", np.where(TARGET == 255, 0, TARGET).astype(np.uint8))
    counts = score_folder(tmp_path / "preds", coco_stuff(coco)).confusion.counts
    assert (counts.sum(), counts.trace()) == (12, 12)


def test_a_thing_without_masks_in_a_target_is_found(coco: Path) -> None:
    write_labels(coco / "annotations" / "val2017" / "000000000139.png", np.full((2, 4), 11, np.uint8))
    problems = [finding.problem for finding in check_dataset(coco_stuff(coco)) if not finding.holds]
    assert problems == ["000000000139: ids [11] are not in label space 'coco-stuff-171'"]


def test_files_without_a_partner_are_all_named(coco: Path) -> None:
    (coco / "images" / "val2017" / "000000000139.jpg").unlink()
    (coco / "annotations" / "val2017" / "000000000285.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        coco_stuff(coco)
    assert all(any(name in line for line in caught.value.problems) for name in ("000000000139.png", "000000000285.jpg"))


def test_without_folder_or_split_the_way_out_is_said(coco: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        coco_stuff()
    with pytest.raises(DataError, match="its splits are train, val"):
        coco_stuff(coco, "test2017")
    with pytest.raises(DataError, match="images and annotations not found"):
        coco_stuff(coco / "images")
    with pytest.raises(DataError, match=r"there is nothing in .*train2017"):
        coco_stuff(coco, "train")
