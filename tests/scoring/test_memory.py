"""The memory of a scoring does not grow with the number of its images."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scoring.peak_memory import score_alone

FILES = 60


def peak_of(root: Path, pairs: int, classes: int) -> int:
    """The peak in bytes of a process that scores so many pairs, links to a few small maps."""
    rng = np.random.default_rng(0)
    for folder in ("maps", "gts", "preds"):
        (root / folder).mkdir(parents=True)
    for at in range(FILES):
        target = np.kron(rng.integers(0, classes, (4, 4)), np.ones((8, 8), int)).astype(np.uint8)
        pred = np.where(rng.random(target.shape) < 0.03, rng.integers(0, classes, target.shape), target).astype(np.uint8)
        Image.fromarray(target).save(root / "maps" / f"gts-{at}.png")
        Image.fromarray(pred).save(root / "maps" / f"preds-{at}.png")
    for at in range(pairs):
        for folder in ("gts", "preds"):
            os.link(root / "maps" / f"{folder}-{at % FILES}.png", root / folder / f"{at:07}.png")
    names = ", ".join(f"c{i}" for i in range(classes))
    (root / "labels.yaml").write_text(f"name: some\nclasses: [{names}]\n")
    return score_alone(root, "--encoding", "ids", "--workers", "2", "--quiet")[1]


@pytest.mark.slow
def test_3000_pairs_of_150_classes_take_no_more_than_100(tmp_path: Path) -> None:
    assert peak_of(tmp_path / "many", 3000, 150) < 1.2 * peak_of(tmp_path / "few", 100, 150)


@pytest.mark.large
@pytest.mark.slow
def test_10_000_pairs_of_150_classes_take_no_more_than_100(tmp_path: Path) -> None:
    assert peak_of(tmp_path / "many", 10_000, 150) < 1.2 * peak_of(tmp_path / "few", 100, 150)


@pytest.mark.large
@pytest.mark.slow
def test_a_million_pairs_of_19_classes_are_scored_in_600_mb(tmp_path: Path) -> None:
    assert peak_of(tmp_path, 1_000_000, 19) < 600e6
