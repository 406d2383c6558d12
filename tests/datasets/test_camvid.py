from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.camvid import LABELS, camvid
from segbench.errors import DataError
from segbench.images.files import write_image, write_labels
from segbench.scoring.folder import score_folder

REAL = Path(__file__).parents[3] / "shared" / "camvid"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    names = ["b_2.png", "a_1.png"]
    lines = [f"/SegNet/CamVid/test/{name} /SegNet/CamVid/testannot/{name}" for name in names]
    (tmp_path / "test.txt").write_text("\n".join(lines) + "\n\n")
    for name in names:
        write_image(tmp_path / "test" / name, np.zeros((3, 4, 3), np.uint8))
        write_labels(tmp_path / "testannot" / name, np.arange(12, dtype=np.uint8).reshape(3, 4))
    return tmp_path


def test_the_lists_of_segnet_are_read_by_file_name_and_sorted(tiny: Path) -> None:
    dataset = camvid(tiny)
    assert [sample.id for sample in dataset.samples] == ["a_1", "b_2"]
    assert dataset.samples[0].image == tiny / "test" / "a_1.png"
    assert dataset.samples[0].target == tiny / "testannot" / "a_1.png"
    assert (dataset.title, dataset.labels, dataset.instances, dataset.prefix_pairing) == ("camvid-test", LABELS, None, False)


def test_byte_eleven_is_void(tiny: Path, tmp_path: Path) -> None:
    for name in ("a_1.png", "b_2.png"):
        write_labels(tmp_path / "preds" / name, np.arange(12, dtype=np.uint8).reshape(3, 4))
    scores = score_folder(tmp_path / "preds", camvid(tiny))
    assert scores.confusion.counts.sum() == 22
    assert np.array_equal(scores.confusion.counts[:, :-1], 2 * np.eye(11, dtype=np.int64))


def test_every_missing_file_is_named(tiny: Path) -> None:
    (tiny / "test" / "a_1.png").unlink()
    (tiny / "testannot" / "b_2.png").unlink()
    with pytest.raises(DataError, match="2 of 4 files are missing") as caught:
        camvid(tiny)
    assert len(caught.value.problems) == 2
    assert all(any(name in line for line in caught.value.problems) for name in ("image of a_1", "target of b_2"))


def test_without_folder_list_or_split_the_way_out_is_said(tiny: Path) -> None:
    with pytest.raises(DataError, match="no folder given"):
        camvid()
    with pytest.raises(DataError, match="its splits are train, val, test"):
        camvid(tiny, "trainval")
    with pytest.raises(DataError, match="list of the split is missing"):
        camvid(tiny, "val")
    shutil.rmtree(tiny / "test")
    with pytest.raises(DataError, match="2 of 4"):
        camvid(tiny)


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real CamVid is not in {REAL}")
@pytest.mark.parametrize(("split", "images"), [("train", 367), ("val", 101), ("test", 233)])
def test_the_real_camvid_has_its_published_splits_and_only_known_ids(split: str, images: int) -> None:
    dataset = camvid(REAL, split)
    assert len(dataset) == images
    for sample in dataset.samples[::40]:
        target = dataset.read_target(sample)
        assert target.shape == (360, 480)
        assert set(np.unique(target)) <= LABELS.known_ids
