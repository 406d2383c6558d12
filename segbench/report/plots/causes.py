"""Where the missing mIoU is: for each model a bar, stacked of what curing each cause of its errors would gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segbench.errors import RecordError
from segbench.metrics.error_causes import CAUSES, Cause
from segbench.records.run_record import RunRecord
from segbench.report.plots.style import BLUE, GREEN, MUTED, ORANGE, PAPER, RULE, SKY, VERMILLION, drawing
from segbench.report.tables.causes import causes_of
from segbench.report.tables.frames import ranked, require_one_signature, row_labels
from segbench.report.tables.numbers import percent

COLOURS: dict[Cause, str] = {"border": BLUE, "extent": SKY, "missed": ORANGE, "invented": VERMILLION, "confusion": GREEN}
ON_COLOURS: dict[Cause, str] = {
    "border": "#FEFEFE",
    "extent": "#232323",
    "missed": "#232323",
    "invented": "#FEFEFE",
    "confusion": "#FEFEFE",
}
NARROWEST = 0.045
"""Of the longest bar: a part that is narrower has no number on it."""


def gains_by_cause(records: Sequence[RunRecord], svg: Path | BinaryIO | None, png: Path | None = None) -> None:
    """Draw the gains of records of one signature, the best mIoU first.

    :raises RecordError: a record has no errors by cause, they were counted with several borders, or their signatures differ.
    """
    found = causes_of(ranked(records))
    require_one_signature(records)
    if len(borders := sorted({each.errors.border for each in found})) > 1:
        raise RecordError(f"an edge is near within {' or '.join(map(str, borders))} px here: bars of several borders are not comparable")
    gains = 100 * np.nan_to_num([[each.gain(cause) for cause in CAUSES] for each in found])
    names = row_labels([each.record for each in found])
    longest = max(float(gains.sum(axis=1).max()), 1e-9)
    with drawing(svg, png, 7.2, 1.1 + 0.34 * len(found)) as figure:
        axes = figure.subplots()
        left = np.zeros(len(found))
        places = np.arange(len(found))
        for cause, width in zip(CAUSES, gains.T, strict=True):
            axes.barh(places, width, left=left, height=0.72, color=COLOURS[cause], edgecolor=PAPER, linewidth=0.6, label=cause)
            for place, (start, gain) in enumerate(zip(left, width, strict=True)):
                if gain > NARROWEST * longest:
                    text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "color": ON_COLOURS[cause]}
                    axes.text(start + gain / 2, place, f"{gain:.1f}", **text)
            left += width
        mious = [percent(each.record.scores.miou) for each in found]
        axes.set_yticks(places, [f"{name}  {miou}" for name, miou in zip(names, mious, strict=True)], fontsize=8)
        axes.set(xlim=(0, 1.02 * longest), ylim=(len(found) - 0.4, -0.6), xlabel="mIoU gained if one cause alone were cured (points)")
        axes.grid(axis="x", color=RULE)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_title(f"border: within {borders[0]} px of an edge; beside a name its mIoU (%)", loc="left", fontsize=8.5, color=MUTED)
        figure.legend(loc="outside upper center", ncols=len(CAUSES), frameon=False, fontsize=8)
