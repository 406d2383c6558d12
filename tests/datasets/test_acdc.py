from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.acdc import acdc
from segbench.datasets.cityscapes import LABELS
from segbench.errors import DataError
from segbench.images.files import write_image, write_labels
from tests.datasets.contract import broken


def write_frame(root: Path, condition: str, part: str, sequence: str, frame: str) -> None:
    stem = f"{condition}/{part}/{sequence}/{sequence}_frame_{frame}"
    write_image(root / "rgb_anon" / f"{stem}_rgb_anon.png", np.zeros((3, 4, 3), np.uint8))
    write_labels(root / "gt" / f"{stem}_gt_labelIds.png", np.arange(12, dtype=np.uint8).reshape(3, 4))
    write_labels(root / "gt" / f"{stem}_gt_labelTrainIds.png", np.full((3, 4), 255, np.uint8))
    write_labels(root / "gt" / f"{stem}_gt_invIds.png", np.full((3, 4), 1, np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for condition, sequence in (("fog", "GOPR0476"), ("night", "GOPR0356"), ("rain", "GOPR0402"), ("snow", "GOPR0607")):
        write_frame(tmp_path, condition, "val", sequence, "000061")
        write_frame(tmp_path, condition, "val_ref", sequence, "000061")
    write_frame(tmp_path, "night", "val", "GOPR0356", "000001")
    write_frame(tmp_path, "night", "train", "GOPR0351", "000159")
    return tmp_path


def test_a_split_is_that_of_all_four_conditions_in_good_weather_none(root: Path) -> None:
    dataset = acdc(root)
    assert [sample.id for sample in dataset.samples] == [
        "fog/GOPR0476/GOPR0476_frame_000061",
        "night/GOPR0356/GOPR0356_frame_000001",
        "night/GOPR0356/GOPR0356_frame_000061",
        "rain/GOPR0402/GOPR0402_frame_000061",
        "snow/GOPR0607/GOPR0607_frame_000061",
    ]
    assert dataset.title == "acdc-val"
    assert not broken(dataset)


def test_one_condition_is_a_split_of_its_own(root: Path) -> None:
    assert {sample.id.partition("/")[0] for sample in acdc(root, "val-night").samples} == {"night"}
    assert len(acdc(root, "train-night")) == 1


def test_targets_are_label_ids_and_neither_train_ids_nor_masks(root: Path) -> None:
    dataset = acdc(root, "val-fog")
    assert dataset.labels == LABELS
    assert np.array_equal(dataset.read_target(dataset.samples[0]), np.arange(12).reshape(3, 4))


def test_every_file_without_a_partner_is_named(root: Path) -> None:
    (root / "rgb_anon/fog/val/GOPR0476/GOPR0476_frame_000061_rgb_anon.png").unlink()
    (root / "gt/snow/val/GOPR0607/GOPR0607_frame_000061_gt_labelIds.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        acdc(root)
    assert "GOPR0607_frame_000061_rgb_anon.png: its target is missing" in caught.value.problems[0]
    assert "GOPR0476_frame_000061_gt_labelIds.png: its image is missing" in caught.value.problems[1]


def test_without_folder_split_or_files_the_way_out_is_said(root: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        acdc()
    with pytest.raises(DataError, match="no split 'test'"):
        acdc(root, "test")
    with pytest.raises(DataError, match=r"nothing in .*fog"):
        acdc(root, "train-fog")
