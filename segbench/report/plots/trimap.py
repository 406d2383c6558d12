"""The trimap curve: for each model the mIoU of the pixels within 1, 2, 4 ... pixels of an edge of the target, and of all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from segbench.metrics.trimap import WIDTHS
from segbench.records.run_record import RunRecord
from segbench.report.plots.style import BLUE, GREEN, MUTED, ORANGE, SKY, VERMILLION, drawing
from segbench.report.tables.frames import ranked, require_one_signature, row_labels
from segbench.report.tables.holding import require_counted
from segbench.report.tables.intervals import half_width
from segbench.report.tables.trimap import trimap_of

COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, SKY)
DASHES = ("-", "--", ":", "-.")
"""One for every five models."""


def trimap_curves(records: Sequence[RunRecord], svg: Path | BinaryIO | None, png: Path | None = None) -> None:
    """Draw the curves of records of one signature, the best mIoU first, with the intervals of up to three.

    :raises RecordError: a record has no trimap, or their signatures differ.
    """
    require_counted(records, "trimap")
    require_one_signature(records)
    found = ranked(records)
    places = np.arange(len(WIDTHS) + 1)
    with drawing(svg, png, 7.2, max(3.4, 1.2 + 0.19 * len(found))) as figure:
        axes = figure.subplots()
        for at, (record, name) in enumerate(zip(found, row_labels(found), strict=True)):
            colour, dash = COLOURS[at % len(COLOURS)], DASHES[at // len(COLOURS) % len(DASHES)]
            mious = trimap_of(record).mious(record.labels)
            values = 100 * np.array([*mious.values(), record.scores.miou])
            widths = [float(half_width(record, f"trimap_miou_{width}")) for width in WIDTHS]
            half = 100 * np.array([*widths, float(half_width(record, "miou"))])
            axes.plot(places[:-1], values[:-1], dash, color=colour, marker="o", markersize=3.5, linewidth=1.3, label=name)
            axes.plot(places[-1:], values[-1:], color=colour, marker="D", markersize=4, linestyle="none")
            if len(found) <= 3:
                axes.fill_between(places[:-1], (values - half)[:-1], (values + half)[:-1], color=colour, alpha=0.15, linewidth=0)
                axes.errorbar(places[-1:], values[-1:], half[-1:], color=colour, linewidth=0.9, capsize=0)
        axes.set_xticks(places, [*map(str, WIDTHS), "all"])
        axes.set(xlabel="pixels within so many px of an edge of the target", ylabel="mIoU (%)")
        axes.grid(axis="y")
        note = "; shaded: the interval over images" if len(found) <= 3 and any(record.intervals for record in found) else ""
        axes.set_title(f"how much of what is missing is at outlines{note}", loc="left", fontsize=8.5, color=MUTED)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
