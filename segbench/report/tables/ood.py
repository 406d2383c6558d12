"""Out of distribution as tables: of each record how well anomalies are found by each of the scores of a pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from segbench.kernels.anomaly_bins import SCORES
from segbench.metrics.ood import MEASURES, Ood
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import counted_in
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import or_none, percent

NAMES = {"max_softmax": "max softmax", "max_logit": "max logit", "entropy": "entropy", "energy": "energy"}
HEADER = ["out of distribution", "score", "AP", "AUROC", "FPR95", "AP by image", "AUROC by image", "FPR95 by image", "off by", "mIoU"]


def ood_of(record: RunRecord) -> Ood:
    """What was counted of a record's scores of anomaly.

    :raises RecordError: nobody asked for it when it was made.
    """
    counted: Ood = counted_in(record, "ood")
    return counted


def best_first(records: Sequence[RunRecord]) -> list[RunRecord]:
    """By the highest AP of any score, the highest first, undefined ones last; then by name."""

    def place(record: RunRecord) -> tuple[float, str]:
        found = [ood_of(record).scores[f"ood_{score}_ap"] for score in SCORES]
        return -max((value for value in found if not math.isnan(value)), default=-math.inf), record.name

    return sorted(records, key=place)


def ood_rows(record: RunRecord) -> list[list[str]]:
    """The cells below :data:`HEADER`, a row for each score; scores that were not counted have dashes."""
    return [_row(record, score) for score in SCORES]


def _row(record: RunRecord, score: str) -> list[str]:
    scores = ood_of(record).scores

    def cell(name: str) -> str:
        return percent(scores[name], float(half_width(record, name)))

    bounds = [scores[f"ood_{score}_{measure}_bound"] for measure in MEASURES]
    known = [bound for bound in bounds if not math.isnan(bound)]
    off_by = f"{100 * max(known):.2g}" if known else "–"
    pooled, by_image = ([cell(f"ood_{score}_{how}{measure}") for measure in MEASURES] for how in ("", "image_"))
    return [record.name, NAMES[score], *pooled, *by_image, off_by, percent(record.scores.miou)]


def ood_note(record: RunRecord) -> str:
    """What the columns mean, and over which images."""
    counted = ood_of(record)
    known, anomalies = counted.pixels
    without = f"; {counted.without} without anomalies or without known pixels leave the means by image" if counted.without else ""
    miou = "" if record.confusion.counts.any() else "; the targets tell no classes, so there is no mIoU"
    return (
        f"per cent over {anomalies} pixels of anomalies and {known} known ones of all images together, and as means of {counted.images} "
        f"images{without}; FPR95 (lower is better): known pixels taken for anomalies where 95 % of these are found; off by at most so many "
        f"points, as pixels are sorted in bins{miou}"
    )


def ood_facts(record: RunRecord) -> dict[str, Any]:
    """The same as plain data: fractions, intervals of two numbers, ``None`` where undefined."""
    counted = ood_of(record)
    known, anomalies = counted.pixels
    bounds = record.intervals.bounds if record.intervals else {}
    facts: dict[str, Any] = {"model": record.name, "signature": record.signature, "known_pixels": known, "anomaly_pixels": anomalies}
    facts |= {"images": counted.images, "images_without": counted.without, "miou": or_none(record.scores.miou)}
    for name, value in counted.scores.items():
        facts[name] = or_none(value)
        facts |= {f"{name}_interval": list(map(or_none, bounds[name].tolist()))} if name in bounds else {}
    return facts


def ood_table(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """A row for each record and score, for spreadsheets: fractions, ``None`` where undefined."""
    rows = list[dict[str, Any]]()
    for record in records:
        facts = ood_facts(record)
        for score in SCORES:
            own = {key: facts[f"ood_{score}_{key}"] for key in (*MEASURES, *(f"image_{measure}" for measure in MEASURES))}
            rows.append({"model": record.name, "score": score, **own, "signature": record.signature})
    return rows
