"""Training curves: the loss as it fell, and the mIoU of every validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.ticker import MaxNLocator

from segbench.errors import RecordError
from segbench.report.plots.style import BLUE, MUTED, SKY, drawing
from segbench.training.log import LogRow

SMOOTHED = 0.05  # share of the rows that a point of the smoothed loss looks back over


def training_curves(rows: Sequence[LogRow], title: str, svg: Path | BinaryIO, png: Path | None = None) -> None:
    """The loss above, as it was written down and smoothed; below the validations, if there were any, with the best one's mIoU.

    :raises RecordError: the log is empty.
    """
    if not rows:
        raise RecordError("the log of this training has no rows yet: there is no curve to draw")
    steps, losses = [row.step for row in rows], np.array([row.loss for row in rows])
    validations = [(row.step, 100 * row.miou) for row in rows if row.miou is not None]
    with drawing(svg, png, 6.4, 4.4 if validations else 2.8) as figure:
        axes = figure.subplots(2 if validations else 1, 1, sharex=True, squeeze=False)[:, 0]
        axes[0].plot(steps, losses, color=SKY, linewidth=0.8, alpha=0.7)
        axes[0].plot(steps, _smooth(losses), color=BLUE, linewidth=1.6)
        axes[0].set(ylabel="training loss")
        axes[0].set_title(title, loc="left", fontsize=8.5, color=MUTED)
        if validations:
            best = max(validations, key=lambda each: each[1])
            axes[1].plot(*zip(*validations, strict=True), "o-", color=BLUE, markersize=4, linewidth=1.3)
            axes[1].annotate(f"{best[1]:.1f}", best, (0, 6), textcoords="offset points", ha="center", fontsize=8)
            axes[1].set(ylabel="validation mIoU (%)")
            axes[1].margins(y=0.2)
        for each in axes:
            each.grid()
            each.yaxis.set_major_locator(MaxNLocator(5))
        axes[-1].set(xlabel="step")


def _smooth(values: np.ndarray) -> np.ndarray:
    """The running mean over the last few values; over fewer at the beginning."""
    span = max(1, round(SMOOTHED * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - span, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))
