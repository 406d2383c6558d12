from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.camvid_32 import LABELS, camvid_32, split_of
from segbench.errors import DataError, ImageError
from segbench.images.colors import color_table
from segbench.images.files import write_image
from tests.datasets.contract import broken

NAMES = {
    "0001TP_006690": "train",
    "0001TP_008520": "train",
    "0006R0_f00930": "train",
    "0016E5_07650": "train",
    "0016E5_08190": "train",
    "0016E5_07959": "val",
    "0016E5_08159": "val",
    "0001TP_008550": "test",
    "Seq05VD_f00000": "test",
}
LISTS = Path(__file__).parents[3] / "shared" / "camvid"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    colors = np.concatenate([color_table(LABELS)[:31], np.zeros((1, 3), np.uint8)]).reshape(4, 8, 3)  # the last is Void
    for name in NAMES:
        write_image(tmp_path / f"701_StillsRaw_full/{name}.png", np.zeros((4, 8, 3), np.uint8))
        write_image(tmp_path / f"LabeledApproved_full/{name}_L.png", colors)
    return tmp_path


def test_splits_follow_the_sequences(root: Path) -> None:
    for split in ("train", "val", "test"):
        assert [s.id for s in camvid_32(root, split).samples] == sorted(name for name, part in NAMES.items() if part == split)


@pytest.mark.data
@pytest.mark.skipif(not LISTS.is_dir(), reason=f"SegNet's lists are not in {LISTS}")
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_splits_are_those_of_segnets_lists(split: str) -> None:
    names = [Path(line.split()[0]).stem for line in (LISTS / f"{split}.txt").read_text().splitlines() if line.strip()]
    assert {split_of(name) for name in names} == {split}


def test_each_colour_is_its_class_and_black_is_void(root: Path) -> None:
    dataset = camvid_32(root)
    target = dataset.read_target(dataset.samples[0])
    assert np.array_equal(LABELS.index_of_id[target].ravel(), np.arange(32))
    assert (len(LABELS.classes), [label.name for label in LABELS.void]) == (31, ["Void"])
    assert not broken(dataset)


def test_a_colour_of_no_class_is_an_error_that_names_file_and_colour(root: Path) -> None:
    bad = root / "LabeledApproved_full/Seq05VD_f00000_L.png"
    write_image(bad, np.full((4, 8, 3), 1, np.uint8))
    dataset = camvid_32(root)
    with pytest.raises(ImageError, match=r"Seq05VD_f00000_L\.png: colours \(1, 1, 1\) belong to no label"):
        dataset.read_target(dataset.samples[-1])


def test_every_file_without_a_partner_is_named(root: Path) -> None:
    (root / "701_StillsRaw_full/0001TP_008550.png").unlink()
    (root / "LabeledApproved_full/Seq05VD_f00000_L.png").unlink()
    with pytest.raises(DataError, match="2 files have no partner"):
        camvid_32(root)
