"""The metrics that people are shown, in their order: the name, the field of intervals and comparisons, and the value of a record.

A fraction each, NaN where a record does not know it. This loads no pandas, because `segbench score` prints them too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from segbench.records.run_record import RunRecord


@dataclass(frozen=True)
class Metric:
    """``field``: the name in :class:`~segbench.metrics.uncertainty.Intervals`."""

    field: str
    of: Callable[[RunRecord], float]


METRICS = {
    "mIoU": Metric("miou", lambda r: r.scores.miou),
    "acc": Metric("acc", lambda r: r.scores.acc),
    "acc_cls": Metric("acc_cls", lambda r: r.scores.acc_cls),
    "fwIoU": Metric("fwiou", lambda r: r.scores.fwiou),
    "Dice": Metric("dice", lambda r: r.scores.dice),
    "precision": Metric("precision", lambda r: r.scores.precision),
    "iIoU": Metric("iiou", lambda r: r.miiou),
    "category mIoU": Metric("category_miou", lambda r: r.scores.category_miou),
    "V_rand": Metric("v_rand", lambda r: r.segments.v_rand if r.segments else math.nan),
    "V_info": Metric("v_info", lambda r: r.segments.v_info if r.segments else math.nan),
    "boundary IoU": Metric("boundary_miou", lambda r: r.boundary.mean(r.labels) if r.boundary else math.nan),
}
OTHERWISE = {"recall": "acc_cls", "F1": "Dice"}
"""What some of them are called too."""
CLASS_SCORES = {"IoU": "class_iou", "Dice": "class_dice", "precision": "class_precision", "recall": "class_acc"}
"""Scores of each class, and their fields."""
ALWAYS = ("mIoU", "acc", "acc_cls", "fwIoU")  # these are shown where they are undefined too
