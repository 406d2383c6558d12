"""The trimap curve as a table: the mIoU of pixels by their distance from an edge of the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from segbench.errors import RecordError
from segbench.metrics.trimap import WIDTHS, Trimap
from segbench.records.run_record import RunRecord
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import percent

HEADER = ["mIoU within px of an edge", *map(str, WIDTHS), "all"]


def trimap_of(record: RunRecord) -> Trimap:
    """What was counted of a record.

    :raises RecordError: nobody asked for it when it was made.
    """
    require_trimap([record])
    assert record.trimap is not None
    return record.trimap


def require_trimap(records: Sequence[RunRecord]) -> None:
    """Check that all records have it.

    :raises RecordError: naming every one that has none.
    """
    if lacking := [record.name for record in records if record.trimap is None]:
        raise RecordError(
            f"no trimap curve is in {len(lacking)} of {len(records)} records: {', '.join(lacking)}; "
            "`run --trimap` and `score --trimap` count it"
        )


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
        points.append({"width": width, "miou": _plain(value), **({"interval": list(map(_plain, known))} if known is not None else {})})
    return {"model": record.name, "signature": record.signature, "miou": _plain(record.scores.miou), "trimap": points}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
