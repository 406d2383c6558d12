"""The trimap curve as a table: the mIoU of pixels by their distance from an edge of the target."""

from __future__ import annotations

from typing import Any

from segbench.metrics.trimap import WIDTHS, Trimap
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import counted_in
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import or_none, percent

HEADER = ["mIoU within px of an edge", *map(str, WIDTHS), "all"]


def trimap_of(record: RunRecord) -> Trimap:
    """What was counted of a record near edges.

    :raises RecordError: nobody asked for it when it was made.
    """
    counted: Trimap = counted_in(record, "trimap")
    return counted


def trimap_row(record: RunRecord, name: str) -> list[str]:
    """The cells below :data:`HEADER`."""
    mious = trimap_of(record).mious(record.labels)
    cells = [percent(value, float(half_width(record, f"trimap_miou_{width}"))) for width, value in mious.items()]
    return [name, *cells, percent(record.scores.miou, float(half_width(record, "miou")))]


def trimap_facts(record: RunRecord) -> dict[str, Any]:
    """The same as plain data: fractions, intervals of two numbers, ``None`` where undefined."""
    bounds = record.intervals.bounds if record.intervals else {}
    points = []
    for width, value in trimap_of(record).mious(record.labels).items():
        known = bounds.get(f"trimap_miou_{width}")
        points.append({"width": width, "miou": or_none(value), **({"interval": list(map(or_none, known))} if known is not None else {})})
    return {"model": record.name, "signature": record.signature, "miou": or_none(record.scores.miou), "trimap": points}
