from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.base import read_depth
from segbench.datasets.cityscapes import INSTANCES, LABELS, cityscapes
from segbench.errors import DataError
from segbench.images.files import write_uint16


def test_the_official_layout_is_read_in_sorted_order(cityscapes_set: Path) -> None:
    dataset = cityscapes(cityscapes_set)
    assert [sample.id for sample in dataset.samples] == ["aachen_000001_000001", "lindau_000001_000000", "lindau_000001_000002"]
    sample = dataset.samples[0]
    assert sample.target == cityscapes_set / "gtFine/val/aachen/aachen_000001_000001_gtFine_labelIds.png"
    assert sample.image == cityscapes_set / "leftImg8bit/val/aachen/aachen_000001_000001_leftImg8bit.png"
    assert sample.extras == {"instances": cityscapes_set / "gtFine/val/aachen/aachen_000001_000001_gtFine_instanceIds.png"}
    assert (dataset.title, dataset.labels, dataset.instances, dataset.prefix_pairing, len(dataset)) == (
        "cityscapes-val",
        LABELS,
        INSTANCES,
        True,
        3,
    )


def test_targets_are_read_as_label_ids(cityscapes_set: Path) -> None:
    dataset = cityscapes(cityscapes_set)
    target = dataset.read_target(dataset.samples[0])
    assert target.shape == (32, 48)
    assert set(np.unique(target)) <= LABELS.known_ids


def test_disparity_is_the_depth_of_the_samples_that_have_one(cityscapes_set: Path) -> None:
    disparity = cityscapes_set / "disparity/val/lindau/lindau_000001_000000_disparity.png"
    write_uint16(disparity, np.zeros((32, 48), np.uint16))
    assert [sample.extras.get("depth") for sample in cityscapes(cityscapes_set).samples] == [None, disparity, None]


def test_depth_is_disparity_in_units_of_32_pixels_and_0_where_none_was_measured(cityscapes_set: Path) -> None:
    disparity = cityscapes_set / "disparity/val/lindau/lindau_000001_000000_disparity.png"
    write_uint16(disparity, np.array([[0, 1, 1 + 256 * 32, 65535]], np.uint16))
    dataset = cityscapes(cityscapes_set)
    np.testing.assert_array_equal(read_depth(dataset, dataset.samples[1], (1, 4)), np.float32([[0, 0, 1, 65534 / 8192]]))


def test_a_sample_without_disparity_is_an_error_that_says_what_to_unpack(cityscapes_set: Path) -> None:
    dataset = cityscapes(cityscapes_set)
    sample = replace(dataset.samples[0], extras={})
    with pytest.raises(DataError, match=r"(?s)no disparity map.*disparity_trainvaltest"):
        read_depth(dataset, sample, (1, 1))


def test_a_reader_does_not_look_at_the_environment_and_says_the_way_out(cityscapes_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYSCAPES_DATASET", str(cityscapes_set))
    with pytest.raises(DataError, match=r"--data DIR or set CITYSCAPES_DATASET"):
        cityscapes()


def test_an_unknown_split_and_an_empty_one_are_refused(cityscapes_set: Path) -> None:
    with pytest.raises(DataError, match="no split 'validation'"):
        cityscapes(cityscapes_set, "validation")
    with pytest.raises(DataError, match=r"no targets .*train"):
        cityscapes(cityscapes_set, "train")
