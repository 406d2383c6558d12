"""Photographs of a red or a blue square on grey; the frame is void."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.images.files import write_image, write_labels
from segbench.labels.space import LabelClass, LabelSpace

LABELS = LabelSpace(
    "squares",
    (LabelClass("ground", (1,), (128, 128, 128)), LabelClass("red", (2,), (200, 0, 0)), LabelClass("blue", (3,), (0, 0, 200))),
    (LabelClass("frame", (0,), (0, 0, 0)),),
)
SPLITS = {"train": 8, "val": 4}
SIZE = (48, 64)


def squares(data: Path | None = None, split: str = "val") -> Dataset:
    """Red and blue squares, drawn into the folder where they are not there yet.

    :raises DataError: no folder is given, or the split does not exist.
    """
    if data is None or split not in SPLITS:
        raise DataError(
            f"squares: {'no folder given' if data is None else f'no split {split!r}'}", way_out="--data DIR --split train or val"
        )
    samples = tuple(
        Sample(f"{split}{index}", data / "images" / f"{split}{index}.png", data / "targets" / f"{split}{index}.png")
        for index in range(SPLITS[split])
    )
    for index, sample in enumerate(samples):
        if not sample.target.is_file():
            _draw(sample, index)
    return Dataset("squares", split, LABELS, samples, data)


def _draw(sample: Sample, index: int) -> None:
    target = np.ones(SIZE, np.uint8)
    target[10 : 30 + index, 8 + index : 40] = 2 + index % 2
    target[:2] = 0
    colors = np.zeros((4, 3), np.uint8)
    colors[[label.ids[0] for label in LABELS.classes]] = [label.color for label in LABELS.classes]
    noise = np.random.default_rng(index).integers(0, 40, (*SIZE, 3), dtype=np.uint8)
    assert sample.image is not None
    write_image(sample.image, colors[target] + noise)
    write_labels(sample.target, target)
