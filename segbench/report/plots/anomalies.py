"""Precision and recall, and ROC, of anomalies: for each model the curves of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segbench.kernels.anomaly_bins import SCORES
from segbench.records.run_record import RunRecord
from segbench.report.plots.style import BLUE, FRAME, GREEN, INK, MUTED, ORANGE, PAPER, RULE, VERMILLION, drawing
from segbench.report.tables.frames import require_one_signature, row_labels
from segbench.report.tables.holding import require_counted
from segbench.report.tables.numbers import percent
from segbench.report.tables.ood import NAMES, best_first, ood_of

COLOURS = {"max_softmax": BLUE, "max_logit": ORANGE, "entropy": GREEN, "energy": VERMILLION}
POINTS = 500
"""Of a curve; it has thousands of bins."""


def anomaly_curves(records: Sequence[RunRecord], svg: Path | BinaryIO | None, png: Path | None = None) -> None:
    """Draw the curves of records of one signature, the best AP first: precision and recall on the left, ROC on the right.

    :raises RecordError: a record has no scores of anomaly, or their signatures differ.
    """
    require_counted(records, "ood")
    require_one_signature(records)
    found = best_first(records)
    with drawing(svg, png, 7.0, 0.4 + 2.9 * len(found)) as figure:
        grid = figure.subplots(len(found), 2, squeeze=False, sharex=True)
        for (left, right), record, name in zip(grid, found, row_labels(found), strict=True):
            _draw(left, right, record)
            left.set_title(name, loc="left", fontsize=8.5, color=INK)
        grid[-1][0].set_xlabel("recall of anomalies", fontsize=8)
        grid[-1][1].set_xlabel("known pixels taken for anomalies", fontsize=8)
        figure.suptitle("over the pixels of all images; dashed: what chance gives", fontsize=7.5, color=MUTED)


def _draw(left: Any, right: Any, record: RunRecord) -> None:
    counted = ood_of(record)
    known_all, anomalies_all = counted.pixels
    for axes, label in ((left, "precision"), (right, "recall of anomalies")):
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.set_ylabel(label, fontsize=8)
        axes.grid(color=RULE)
    if known_all and anomalies_all:
        left.axhline(anomalies_all / (known_all + anomalies_all), color=FRAME, linewidth=0.8, linestyle=(0, (4, 3)))
    right.plot([0, 1], [0, 1], color=FRAME, linewidth=0.8, linestyle=(0, (4, 3)))
    right.axhline(0.95, color=FRAME, linewidth=0.5)
    for score in SCORES:
        false, true = counted.curve(score)
        if not len(false) or not false[-1] or not true[-1]:
            continue
        recall, fpr = true / true[-1], false / false[-1]
        kept = np.unique(np.concatenate([np.searchsorted(of, np.linspace(0, 1, POINTS)).clip(0, len(of) - 1) for of in (recall, fpr)]))
        numbers = counted.scores
        style: dict[str, Any] = {"color": COLOURS[score], "linewidth": 1.2}
        ap, auroc = (percent(numbers[f"ood_{score}_{measure}"]) for measure in ("ap", "auroc"))
        precision = true[kept] / (true[kept] + false[kept])
        left.plot(recall[kept], precision, label=f"{NAMES[score]}, AP {ap}", **style)
        right.plot(fpr[kept], recall[kept], label=f"{NAMES[score]}, AUROC {auroc}", **style)
    for axes in (left, right):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, facecolor=PAPER, edgecolor="none", loc="upper right" if axes is left else "lower right")
