"""A tiny model and a tiny dataset for tests that need both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from segbench.datasets.base import Dataset, Sample
from segbench.images.files import write_image, write_labels
from segbench.labels.space import LabelClass, LabelSpace
from segbench.models.segmenter import Paper, Segmenter

LABELS = LabelSpace(
    "tiny-3",
    (LabelClass("left", (5,), (255, 0, 0)), LabelClass("right", (7,), (0, 255, 0)), LabelClass("spot", (9,), (0, 0, 255))),
    (LabelClass("void", (0,), (0, 0, 0)),),
)


def tiny(labels: LabelSpace, *, channels: int = 8) -> Segmenter:
    """A network of three layers at stride 2."""
    network = nn.Sequential(
        nn.Conv2d(3, channels, 3, stride=2, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Conv2d(channels, len(labels.classes), 1),
    )
    return Segmenter("tests/tiny.py:tiny", network, labels, Paper("Tiny", "nobody", 2026, ""), arguments={"channels": channels})


def tiny_dataset(root: Path, images: int = 6, split: str = "val") -> Dataset:
    """Pictures whose left half is red and right half green, with a blue spot and a void frame; every one of another size."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(images):
        height, width = 20 + index, 31 - index
        target = np.full((height, width), 5, np.uint8)
        target[:, width // 2 :] = 7
        target[8:13, 6:12] = 9
        target[:2] = 0
        image = np.zeros((height, width, 3), np.uint8)
        for channel, label_id in enumerate((5, 7, 9)):
            image[..., channel] = np.where(target == label_id, 200, 30) + rng.integers(0, 40, target.shape)
        sample = Sample(f"s{index}", root / "images" / f"s{index}.png", root / "targets" / f"s{index}.png")
        write_image(root / "images" / f"s{index}.png", image)
        write_labels(sample.target, target)
        samples.append(sample)
    return Dataset("tiny", split, LABELS, tuple(samples), root / "targets")


def with_depth(dataset: Dataset) -> Dataset:
    """The dataset with a depth that equals the label id."""
    return replace(dataset, read_depth=lambda sample: dataset.read_target(sample).astype(np.float32))


TINY = "tests/tiny.py:tiny"
"""The name of :func:`tiny`, which must be typed to load its weights: a file alone runs no code."""
