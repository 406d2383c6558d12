from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.report.pages import image_sums as module
from segbench.report.pages.image_sums import MOST, image_sums, packed

COUNTS = np.random.default_rng(5).integers(0, 300, (9, 3, 4)) * (np.random.default_rng(6).random((9, 3, 4)) < 0.6)
IDS = [f"image{i}" for i in range(9)]


def unpacked(text: str) -> list[int]:
    """What the page's script does."""
    numbers, value, shift = [], 0, 0
    for byte in base64.b64decode(text):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value, shift = 0, 0
    return numbers


def written(path: Path, counts: np.ndarray, ids: list[str] = IDS) -> Path:
    write_per_image(path, ids, PerImage(counts.astype(np.int64)))
    return path


@given(st.lists(st.integers(0, 2**53)))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert unpacked(packed(numbers)) == numbers


def test_sums_of_images_are_those_of_their_matrices(tmp_path: Path) -> None:
    sums = image_sums([None, written(tmp_path / "a.npz", COUNTS)])
    assert list(sums.ids) == IDS
    assert unpacked(sums.targets) == COUNTS.sum(axis=2).reshape(-1).tolist()
    hits, preds = COUNTS[:, range(3), range(3)], COUNTS[:, :, :3].sum(axis=1)
    assert sums.sums[0] is None
    assert unpacked(sums.sums[1] or "") == np.stack([hits, preds], axis=2).reshape(-1).tolist()


def test_each_cell_has_the_images_with_the_most_pixels(tmp_path: Path) -> None:
    (text,) = image_sums([written(tmp_path / "a.npz", COUNTS)]).most
    numbers = iter(unpacked(text or ""))
    for row in range(3):
        for column in range(4):
            listed = [(next(numbers), next(numbers)) for _ in range(next(numbers))]
            pixels = COUNTS[:, row, column]
            order = sorted(np.flatnonzero(pixels).tolist(), key=lambda image: (-pixels[image], image))
            assert listed == [(image, pixels[image]) for image in order[:MOST]]
    assert next(numbers, None) is None


def test_a_model_of_other_images_or_targets_is_left_out(tmp_path: Path) -> None:
    other = COUNTS.copy()
    other[2, 0, 0] += 1
    files = [written(tmp_path / "a.npz", COUNTS), written(tmp_path / "b.npz", other), written(tmp_path / "c.npz", COUNTS, IDS[::-1])]
    assert [each is None for each in image_sums(files).sums] == [False, True, True]


def test_without_matrices_or_with_very_many_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "a.npz", COUNTS)
    assert not image_sums([None, None]).ids
    for largest in (80, 100):  # numbers, and characters
        monkeypatch.setattr(module, "LARGEST", largest)
        sums = image_sums([file])
        assert (list(sums.ids), sums.targets, sums.sums, sums.most) == ([], "", [None], [None])
