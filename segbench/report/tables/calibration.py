"""Calibration as tables: of each record how far its confidence is from what it reaches, and what it costs to rely on it."""

from __future__ import annotations

import math
from typing import Any

from segbench.metrics.calibration import Calibration
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import counted_in
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import or_none, percent, shown_classes

HEADER = ["calibration", "ECE", "class-wise ECE", "Brier", "NLL", "AURC", "AURC off by", "confidence", "acc"]


def calibration_of(record: RunRecord) -> Calibration:
    """What was counted of a record's confidence.

    :raises RecordError: nobody asked for it when it was made.
    """
    counted: Calibration = counted_in(record, "calibration")
    return counted


def calibration_row(record: RunRecord) -> list[str]:
    """The cells below :data:`HEADER`."""
    counted = calibration_of(record)
    scores = {name: float(values) for name, values in counted.scores_over(record.labels.averaged).items() if not values.ndim}
    cells = {name: percent(scores[name], float(half_width(record, name))) for name in ("ece", "classwise_ece", "aurc")}
    plain = {name: _number(scores[name], float(half_width(record, name))) for name in ("brier", "nll")}
    pixels, hits, confidence = counted.bins.sum(axis=0).tolist()
    means = [percent(total / pixels if pixels else math.nan) for total in (confidence, hits)]
    bound = "–" if math.isnan(scores["aurc_bound"]) else f"{100 * scores['aurc_bound']:.2g}"
    return [record.name, cells["ece"], cells["classwise_ece"], plain["brier"], plain["nll"], cells["aurc"], bound, *means]


def class_table(record: RunRecord) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of all classes: the ECE of each."""
    values = calibration_of(record).scores["class_ece"]
    cells = list(map(percent, values, half_width(record, "class_ece")))
    iou = record.scores.class_iou
    rows = [[name, percent(float(own)), cell] for name, own, cell in zip(record.labels.class_names, iou, cells, strict=True)]
    return ["class", "IoU", "ECE"], [rows[index] for index in shown_classes(iou.tolist())]


def calibration_note() -> str:
    """What the columns mean."""
    return (
        "ECE over 15 bins, AURC and acc in per cent; Brier (0 to 2) and NLL (natural logarithm) are means over pixels. AURC: the share of "
        "wrong pixels among the surest, averaged over how many are taken; off by at most so many points, as pixels are sorted in steps"
    )


def calibration_facts(record: RunRecord) -> dict[str, Any]:
    """The same as plain data: fractions, intervals of two numbers, ``None`` where undefined."""
    bounds = record.intervals.bounds if record.intervals else {}
    facts: dict[str, Any] = {"model": record.name, "signature": record.signature}
    for name, values in calibration_of(record).scores_over(record.labels.averaged).items():
        if values.ndim:
            facts[name] = dict(zip(record.labels.class_names, map(or_none, values), strict=True))
            continue
        facts[name] = or_none(values)
        facts |= {f"{name}_interval": list(map(or_none, bounds[name]))} if name in bounds else {}
    return facts


def _number(value: float, width: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" + ("" if math.isnan(width) else f" ±{width:.3f}")
