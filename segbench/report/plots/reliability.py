"""Reliability: for each model how often it is right where it is so sure, and what share of the pixels it is so sure of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from segbench.kernels.confidence_bins import BINS
from segbench.records.run_record import RunRecord
from segbench.report.plots.style import BLUE, FRAME, INK, MUTED, ORANGE, RULE, drawing
from segbench.report.tables.calibration import calibration_of
from segbench.report.tables.frames import ranked, require_one_signature, row_labels
from segbench.report.tables.holding import require_counted
from segbench.report.tables.numbers import percent

COLUMNS = 4


def reliability(records: Sequence[RunRecord], svg: Path | BinaryIO | None, png: Path | None = None) -> None:
    """Draw the reliability of records of one signature, the best mIoU first.

    :raises RecordError: a record has no calibration, or their signatures differ.
    """
    require_counted(records, "calibration")
    require_one_signature(records)
    found = ranked(records)
    columns = min(COLUMNS, len(found))
    lines = math.ceil(len(found) / columns)
    left, width = np.arange(BINS) / BINS, 1 / BINS
    with drawing(svg, png, max(4.0, 2.2 * columns), 0.4 + 2.5 * lines) as figure:
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes in grid[len(found) :]:
            axes.set_visible(False)
        for axes, record, name in zip(grid, found, row_labels(found), strict=False):
            counted = calibration_of(record)
            pixels, hits, confidence = counted.bins.T
            there = pixels > 0
            share = pixels / max(pixels.sum(), 1)
            axes.bar(left, share, width, align="edge", color=RULE)
            axes.plot([0, 1], [0, 1], color=FRAME, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.plot(confidence[there] / pixels[there], hits[there] / pixels[there], color=BLUE, marker="o", markersize=3, linewidth=1.2)
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.set_aspect("equal")
            axes.set_title(name, loc="left", fontsize=8.5, color=INK)
            axes.text(0.03, 0.95, f"ECE {percent(float(counted.scores['ece']))} %", va="top", fontsize=7.5, color=ORANGE)
        figure.supxlabel("confidence, mean of a bin", fontsize=8)
        figure.supylabel("right pixels", fontsize=8)
        figure.suptitle("bars: share of all pixels; below the diagonal a network is too sure", fontsize=7.5, color=MUTED)
