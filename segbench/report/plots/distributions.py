"""How a model does from image to image: a point an image, quartiles, and the score of the whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.metrics.image_scores import Counts, image_miou
from segbench.report.plots.style import BLUE, INK, MUTED, ORANGE, SKY, drawing

JITTER = 0.26  # of a row's height


@dataclass(frozen=True, eq=False)
class Spread:
    """A model: its ``label``, the confusion matrices of its images, and its mIoU over the data set (a fraction)."""

    label: str
    counts: Counts
    miou: float


def per_image_iou(spreads: Sequence[Spread], svg: Path | BinaryIO, png: Path | None = None) -> None:
    """A row a model, in the order given. An image's mean is over the classes that its target holds.

    :raises RecordError: there is no model.
    """
    if not spreads:
        raise RecordError("no record has the matrices of its images: there is no distribution to draw")
    margin = 0.07 * max(len(spread.label) for spread in spreads) + 0.4
    with drawing(svg, png, 5.6 + margin, 0.36 * len(spreads) + 0.9) as figure:
        axes = figure.subplots()
        axes.grid(axis="x")
        for row, spread in enumerate(spreads):
            _draw(axes, row, 100 * image_miou(spread.counts), 100 * spread.miou)
        axes.set_yticks(range(len(spreads)), [spread.label for spread in spreads], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(ylim=(len(spreads) - 0.45, -0.55), xlabel="mean IoU of an image over the classes that it holds (%)")
        note = "a point: an image; bar: the middle half; line: median; diamond: mIoU of the whole set"
        axes.set_title(note, loc="left", fontsize=8.5, color=MUTED)


def _draw(axes: Axes, row: int, values: NDArray[np.float64], miou: float) -> None:
    values = np.sort(values[~np.isnan(values)])
    if len(values):
        # Neighbours in rank go to different heights; nothing random, so the same input gives the same picture.
        heights = row + JITTER * (2 * ((np.arange(len(values)) * 0.618034) % 1) - 1)
        axes.plot(values, heights, "o", markersize=2.6, markerfacecolor=SKY, markeredgewidth=0, alpha=0.8, zorder=2)
        low, middle, high = np.percentile(values, [25, 50, 75])
        axes.barh(row, high - low, left=low, height=0.66, color="none", edgecolor=BLUE, linewidth=1.1, zorder=2.5)
        axes.vlines(middle, row - 0.33, row + 0.33, color=INK, linewidth=1.4, zorder=3)
    axes.plot(miou, row, "D", markersize=4.5, markerfacecolor=ORANGE, markeredgecolor=INK, markeredgewidth=0.6, zorder=4)
