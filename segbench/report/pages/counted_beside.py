"""What a model's view shows of what was counted beside pairs: errors by cause, reliability and the trimap curve, as plain data for JSON.

Scores and half the widths of their intervals are whole tenths of a per cent, as everywhere on the page; what was not counted is not there.
"""

from __future__ import annotations

import math
from typing import Any

from segbench.metrics.error_causes import CAUSES
from segbench.records.run_record import RunRecord
from segbench.report.pages.tenths import tenths
from segbench.report.tables.calibration import calibration_of
from segbench.report.tables.causes import Causes
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import percent


def counted_beside(record: RunRecord) -> dict[str, Any]:
    """``causes``, ``reliability`` and ``trimap``, those of them that a record holds."""
    found: dict[str, Any] = {}
    if record.errors:
        found["causes"] = _causes(record)
    if record.calibration:
        found["reliability"] = _reliability(record)
    if record.trimap:
        mious = record.trimap.mious(record.labels)
        found["trimap"] = [[width, *tenths([miou, float(half_width(record, f"trimap_miou_{width}"))])] for width, miou in mious.items()]
    return found


def _causes(record: RunRecord) -> dict[str, Any]:
    """Of each cause its name, its share of the wrong pixels, what curing it would gain, and half the width of its interval."""
    causes = Causes(record)
    rows = []
    for cause in CAUSES:
        gain = f"gain_{cause}"
        told = map(float, (causes.scores[f"share_{cause}"], causes.scores[gain], half_width(record, gain)))
        rows.append([cause, *tenths(list(told))])
    return {"border": causes.errors.border, "rows": rows}


def _reliability(record: RunRecord) -> dict[str, Any]:
    """Of each bin that has pixels their mean confidence, the share of them that is right, and their share of all pixels."""
    counted = calibration_of(record)
    total = max(float(counted.bins[:, 0].sum()), 1.0)
    bins = [tenths([sure / pixels, hits / pixels, pixels / total]) for pixels, hits, sure in counted.bins if pixels > 0]
    ece = float(counted.scores["ece"])
    return {"ece": percent(ece, float(half_width(record, "ece"))) if not math.isnan(ece) else "–", "bins": bins}
