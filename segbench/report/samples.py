"""Pictures of samples: the image, its target's colours over it, and what the colours mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.datasets.colors import color_table

OPACITY = 0.6


def contact_sheet(path: Path, dataset: Dataset, samples: int) -> None:
    """Write a PNG with ``samples`` samples spread evenly over the split: image on the left, overlay on the right, legend below."""
    chosen = [dataset.samples[i] for i in np.unique(np.linspace(0, len(dataset) - 1, samples).round().astype(int))]
    first = read_photograph(chosen[0])
    height, width = first.shape[:2]
    figure = Figure(figsize=(10, 10 * height / (2 * width) * len(chosen) + 1.1), dpi=150, layout="constrained")
    axes = figure.subplots(len(chosen), 2, squeeze=False)
    seen: set[int] = set()
    for (left, right), sample in zip(axes, chosen, strict=True):
        image, index = read_photograph(sample), _index(dataset, sample)
        seen |= set(np.unique(index).tolist())
        left.imshow(image)
        left.set_title(sample.id, fontsize=8, loc="left")
        right.imshow(overlay(image, index, dataset))
        for axis in (left, right):
            axis.set_axis_off()
    handles = [
        Patch(facecolor=np.array(label.color) / 255, edgecolor="0.4", linewidth=0.5, label=label.name)
        for i, label in enumerate(dataset.labels.classes)
        if i in seen
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def overlay(image: NDArray[np.uint8], index: NDArray[np.uint8], dataset: Dataset) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: class colours over the image; what is no class keeps the image, darkened."""
    colors = color_table(dataset.labels)[index].astype(np.float64)
    opacity = np.where(index < len(dataset.labels.classes), OPACITY, 0.5)[..., None]
    return np.asarray((image * (1 - opacity) + colors * opacity).round(), dtype=np.uint8)


def _index(dataset: Dataset, sample: Sample) -> NDArray[np.uint8]:
    return dataset.labels.index_of_id[dataset.read_target(sample)]
