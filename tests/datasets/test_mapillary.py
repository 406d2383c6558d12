from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.base import Dataset
from segbench.datasets.mapillary import LABELS_V12, LABELS_V20, mapillary_vistas_v12, mapillary_vistas_v20
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.scoring.folder import score_folder
from tests.datasets.contract import broken
from tests.pictures import write_photograph

KEYS = ("-0Emq3HlBYPkMcMmcnFVzw", "_kvzoOSXUaWQ2jzgIQXDpQ")  # keys begin with anything, and sort by byte
TARGETS = {"v1.2": np.uint8([[0, 13, 65], [64, 13, 65]]), "v2.0": np.uint8([[0, 21, 123], [31, 21, 2]])}
PALETTE = np.arange(768, dtype=np.int64).astype(np.uint8).reshape(256, 3)
VERSIONS = [(mapillary_vistas_v12, "v1.2"), (mapillary_vistas_v20, "v2.0")]


@pytest.fixture
def vistas(tmp_path: Path) -> Path:
    for key in KEYS:
        write_photograph(tmp_path / "validation" / "images" / f"{key}.jpg", (2, 3))
        for version, target in TARGETS.items():
            write_labels(tmp_path / "validation" / version / "labels" / f"{key}.png", target, PALETTE)
    return tmp_path


@pytest.mark.parametrize(("version", "folder"), VERSIONS)
def test_each_version_reads_the_palette_images_of_its_own_folder(vistas: Path, version: Callable[..., Dataset], folder: str) -> None:
    dataset = version(vistas)
    assert [sample.id for sample in dataset.samples] == list(KEYS)
    assert np.array_equal(dataset.read_target(dataset.samples[0]), TARGETS[folder])
    assert dataset.official_images == 2000
    assert not broken(dataset)


@pytest.mark.parametrize(("version", "folder", "evaluated"), [(*VERSIONS[0], 4), (*VERSIONS[1], 3)])
def test_what_its_authors_do_not_evaluate_is_void(
    vistas: Path, tmp_path: Path, version: Callable[..., Dataset], folder: str, evaluated: int
) -> None:
    for key in KEYS:
        write_labels(tmp_path / "preds" / f"{key}.png", TARGETS[folder])
    counts = score_folder(tmp_path / "preds", version(vistas)).confusion.counts
    assert (counts.sum(), counts.trace()) == (2 * evaluated, 2 * evaluated)


def test_the_label_sets_have_the_official_sizes_and_order() -> None:
    assert (len(LABELS_V12.classes), len(LABELS_V12.labels)) == (65, 66)
    assert (len(LABELS_V20.classes), len(LABELS_V20.labels)) == (116, 124)
    assert [label.name for label in LABELS_V12.void] == ["Unlabeled"]
    assert {(label.name, label.ids[0]) for label in LABELS_V20.void} == {
        ("Ambiguous Barrier", 2),
        ("Person Group", 31),
        ("Lane Marking - Ambiguous", 38),
        ("Signage - Ambiguous", 79),
        ("Pole Group", 86),
        ("Traffic Sign - Ambiguous", 96),
        ("Vehicle Group", 115),
        ("Unlabeled", 123),
    }
    for space, size in ((LABELS_V12, 66), (LABELS_V20, 124)):
        assert sorted(space.known_ids) == list(range(size))
        ids = {label.name: label.ids[0] for label in space.labels}
        assert (ids["Bird"], ids["Road"], ids["Car"]) == ((0, 13, 55) if size == 66 else (0, 21, 108))


def test_the_older_layout_without_a_version_is_v12_alone(vistas: Path) -> None:
    (vistas / "validation" / "v1.2" / "labels").rename(vistas / "validation" / "labels")
    (vistas / "validation" / "v2.0" / "labels").rename(vistas / "validation" / "v2.0" / "instances")
    assert len(mapillary_vistas_v12(vistas)) == 2
    with pytest.raises(DataError, match="2 files have no partner"):
        mapillary_vistas_v20(vistas)


def test_files_without_a_partner_are_all_named(vistas: Path) -> None:
    (vistas / "validation" / "images" / f"{KEYS[0]}.jpg").unlink()
    (vistas / "validation" / "v1.2" / "labels" / f"{KEYS[1]}.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        mapillary_vistas_v12(vistas)
    assert all(any(key in line for line in caught.value.problems) for key in KEYS)


def test_without_folder_or_split_the_way_out_is_said(vistas: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        mapillary_vistas_v12()
    with pytest.raises(DataError, match="its splits are train, val"):
        mapillary_vistas_v20(vistas, "testing")
    with pytest.raises(DataError, match="training/images not found"):
        mapillary_vistas_v12(vistas, "train")
