from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.base import read_photograph
from segbench.datasets.isbi2012 import LABELS, belongs, isbi2012
from segbench.errors import DataError, ImageError
from segbench.images.files import write_labels
from tests.datasets.contract import broken


def pages(first: int) -> list[np.ndarray]:
    """30 pages of 4x5; a page tells its number."""
    return [np.full((4, 5), first + number, np.uint8) for number in range(30)]


def labels() -> list[np.ndarray]:
    return [np.where(np.arange(20).reshape(4, 5) < number % 20, 255, 0).astype(np.uint8) for number in range(30)]


def write_stack(path: Path, content: list[np.ndarray]) -> None:
    first, *others = map(Image.fromarray, content)
    first.save(path, save_all=True, append_images=others)


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    write_stack(tmp_path / "train-volume.tif", pages(100))
    write_stack(tmp_path / "train-labels.tif", labels())
    write_stack(tmp_path / "test-volume.tif", pages(0))
    return tmp_path


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    for number, (image, target) in enumerate(zip(pages(100), labels(), strict=True)):
        write_labels(tmp_path / f"train/image/{number}.png", image)
        write_labels(tmp_path / f"train/label/{number}.png", target)
    return tmp_path


@pytest.mark.parametrize("layout", ["stacks", "slices"])
def test_pages_of_stacks_and_numbered_files_are_the_same_slices(layout: str, request: pytest.FixtureRequest) -> None:
    dataset = isbi2012(request.getfixturevalue(layout), "all")
    assert [sample.id for sample in dataset.samples] == [f"{number:02}" for number in range(30)]
    assert (read_photograph(dataset.samples[17]) == 117).all()
    assert np.array_equal(dataset.read_target(dataset.samples[17]), labels()[17])
    assert dataset.segments == "cell interior"
    assert not broken(dataset)


def test_zero_is_membrane_and_255_is_cell() -> None:
    assert LABELS.class_names == ("membrane", "cell interior")
    assert LABELS.index_of_id[[0, 255]].tolist() == [0, 1]
    assert LABELS.known_ids == {0, 255}


def test_five_folds_of_neighbouring_slices_are_validated_once_each(stacks: Path) -> None:
    folds = [[sample.id for sample in isbi2012(stacks, f"val-{fold}").samples] for fold in range(1, 6)]
    assert sorted(name for fold in folds for name in fold) == [f"{number:02}" for number in range(30)]
    assert folds[1] == ["06", "07", "08", "09", "10", "11"]
    for fold in range(1, 6):
        assert [n for n in range(30) if belongs(n, f"train-{fold}") == belongs(n, f"val-{fold}")] == []
    assert [sample.id for sample in isbi2012(stacks).samples] == folds[4]
    assert len(isbi2012(stacks, "train")) == 24


def test_what_is_missing_is_named(stacks: Path, tmp_path: Path) -> None:
    write_stack(stacks / "train-labels.tif", labels()[:28])
    with pytest.raises(DataError, match="2 files have no partner") as caught:
        isbi2012(stacks)
    assert "train-volume.tif, page 28: its target is missing" in caught.value.problems[0]
    (stacks / "train-labels.tif").unlink()
    with pytest.raises(DataError, match=r"train-volume\.tif and train-labels\.tif not found"):
        isbi2012(stacks)
    with pytest.raises(DataError, match="no folder given"):
        isbi2012()
    with pytest.raises(DataError, match="no split 'test'"):
        isbi2012(stacks, "test")


def test_predictions_that_were_left_beside_the_slices_are_named(slices: Path) -> None:
    write_labels(slices / "train/image/3_predict.png", labels()[3])
    with pytest.raises(DataError, match="1 files are no slices") as caught:
        isbi2012(slices)
    assert "3_predict.png" in caught.value.problems[0]


def test_stacks_of_another_kind_are_refused(stacks: Path) -> None:
    write_stack(stacks / "train-volume.tif", [np.zeros((4, 5, 3), np.uint8)] * 30)
    dataset = isbi2012(stacks)
    with pytest.raises(ImageError, match="page 24: mode RGB"):
        read_photograph(dataset.samples[0])
    (stacks / "train-volume.tif").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"train-volume\.tif: the file is damaged"):
        isbi2012(stacks)
