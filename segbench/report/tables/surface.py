"""Surface Dice and boundary F as tables: by tolerance, pooled over all images and as means over images, with intervals."""

from __future__ import annotations

import math
from typing import Any

from segbench.metrics.surface import SCORES, Surfaces, in_words, told
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import counted_in
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import or_none, percent, shown_classes

TITLES = {"nsd": "NSD", "boundary_f": "boundary F", "image_nsd": "NSD per image", "image_boundary_f": "boundary F per image"}
FIELDS = ("model", "tolerance", "score", "class", "value", "low", "high", "signature")
"""The columns of CSV; the class is empty for means."""


def surface_of(record: RunRecord) -> Surfaces:
    """What was counted of a record's boundaries.

    :raises RecordError: nobody asked for it when it was made.
    """
    counted: Surfaces = counted_in(record, "surface")
    return counted


def surface_table(record: RunRecord) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a record: a row for each tolerance."""
    counted, rows = surface_of(record), []
    scores = counted.scores(record.labels)
    for tolerance in counted.tolerances:
        names = [f"{name}_{told(tolerance)}" for name in SCORES]
        rows.append([in_words(tolerance), *(percent(float(scores[name]), float(half_width(record, name))) for name in names)])
    return [f"{record.name}: boundaries within", *TITLES.values()], rows


def class_table(record: RunRecord, tolerance: float) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of all classes at a tolerance."""
    scores, columns = surface_of(record).scores(record.labels), []
    for name in SCORES:
        field = f"class_{name}_{told(tolerance)}"
        columns.append(list(map(percent, scores[field].tolist(), half_width(record, field).tolist())))
    rows = list(zip(record.labels.class_names, *columns, strict=True))
    shown = shown_classes(scores[f"class_nsd_{told(tolerance)}"].tolist())
    return [f"{record.name}: class, within {in_words(tolerance)}", *TITLES.values()], [list(rows[index]) for index in shown]


def surface_note() -> str:
    """What the columns mean."""
    return (
        "NSD: the share of the boundary pixels of a class, of target and prediction together, that have one of the other within the "
        "tolerance; boundary F: of the shares of both. Pooled over all images; per image: means over the images that hold the class. "
        "In per cent"
    )


def surface_rows(record: RunRecord) -> list[dict[str, Any]]:
    """Every score as plain data, a row each by :data:`FIELDS`: fractions, ``None`` where undefined."""
    counted = surface_of(record)
    scores, bounds, rows = counted.scores(record.labels), record.intervals.bounds if record.intervals else {}, []
    for tolerance in counted.tolerances:
        for name in SCORES:
            field = f"{name}_{told(tolerance)}"
            of_classes = zip(record.labels.class_names, scores[f"class_{field}"].tolist(), strict=True)
            for at, (class_name, value) in enumerate([("", float(scores[field])), *of_classes]):
                known = bounds.get(f"class_{field}" if at else field)
                low, high = (math.nan, math.nan) if known is None else known[at - 1] if at else known
                values = record.name, told(tolerance), name, class_name, *map(or_none, (value, low, high)), record.signature
                rows.append(dict(zip(FIELDS, values, strict=True)))
    return rows
