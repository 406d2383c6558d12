"""Corruptions as tables: of a record a row for each corruption, and of many a row for each record."""

from __future__ import annotations

from collections.abc import Sequence

from segbench.records.corruption_record import CorruptionRecord
from segbench.report.tables.numbers import percent, shown_classes


def header(record: CorruptionRecord) -> list[str]:
    """The columns of :func:`corruption_rows`."""
    return [f"{record.name}: corrupted", *(f"severity {severity}" for severity in _severities(record)), "mean", "retention", "error/ref."]


def corruption_rows(record: CorruptionRecord, reference: CorruptionRecord | None = None) -> list[list[str]]:
    """The mIoU of each corruption by severity, its mean, and what is left of the clean one; first the clean images, last the mean."""
    severities, rows = _severities(record), list[list[str]]()
    for name in record.names:
        mious = record.mious(name)
        error = "–" if reference is None else percent(record.corruption_error(name, reference))
        cells = [percent(mious[severity]) if severity in mious else "–" for severity in severities]
        rows.append([name, *cells, percent(record.miou(name)), percent(record.retention(name)), error])
    empty = [""] * len(severities)
    mce = "–" if reference is None else percent(record.mce(reference))
    return [
        ["none", *empty, percent(record.clean_miou), percent(1.0), ""],
        *rows,
        ["all", *empty, percent(record.mean), percent(record.retention()), mce],
    ]


def summary_rows(records: Sequence[CorruptionRecord], reference: CorruptionRecord | None) -> tuple[list[str], list[list[str]]]:
    """The header and a row for each record."""
    titles = ["model", "clean mIoU", "corrupted mIoU", "retention", *([f"mCE by {reference.name}"] if reference else [])]
    rows = [
        [
            record.name,
            percent(record.clean_miou),
            percent(record.mean),
            percent(record.retention()),
            *([percent(record.mce(reference))] if reference else []),
        ]
        for record in records
    ]
    return titles, rows


def class_rows(record: CorruptionRecord) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of all classes: their IoU under each corruption, the mean over severities."""
    found = [record.class_iou(name) for name in record.names]
    rows = [[name, *(percent(float(values[at])) for values in found)] for at, name in enumerate(record.clean.labels.class_names)]
    chosen = shown_classes(found[0].tolist()) if found else []
    return ["class IoU", *record.names], [rows[index] for index in chosen]


def note() -> str:
    """What the columns mean."""
    return (
        "per cent; mean: over severities; retention: the mean by the mIoU of the images as they are; error/ref.: the sum of 1 - mIoU over "
        "severities by that of the reference network, whose mean over corruptions is mCE"
    )


def _severities(record: CorruptionRecord) -> list[int]:
    return sorted({severity for _, severity in record.corrupted})
