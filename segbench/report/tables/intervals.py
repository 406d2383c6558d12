"""Intervals in words and figures: what stands behind ``±``, and what it means."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.per_image import kind_of
from segbench.metrics.uncertainty import Intervals
from segbench.records.run_record import RunRecord


def half_width(record: RunRecord, metric: str) -> NDArray[np.float64]:
    """Half the width of a score's interval (``metric`` as in ``Intervals``); NaN where there is none, in the score's shape."""
    if record.intervals is not None and metric in record.intervals.bounds:
        known: NDArray[np.float64] = record.intervals.half_width(metric)
        return known
    shapes: dict[str, tuple[int, ...] | int] = {"one": (), "class": len(record.labels.classes), "category": len(record.labels.categories)}
    return np.full(shapes[kind_of(metric)], math.nan)


def plus_minus(half_width: float) -> str:
    """What stands behind a per cent whose interval is known; nothing behind one whose interval is not."""
    return "" if math.isnan(half_width) else f" ± {100 * half_width:.1f}"


JACKKNIFE = "infinitesimal jackknife"
DRAWN_ALSO = "--replicates N draws a bootstrap instead"
"""What commands with such an option say beside it."""


def paired_method(found: Intervals) -> str:
    """By which method the interval of a difference was made, and over what."""
    return f"paired {'bootstrap' if found.method == 'bootstrap' else JACKKNIFE} over {found.units} {found.unit}"


FEW_GROUPS = 20


def without_interval(record: RunRecord, names: int = 12) -> str:
    """Why classes have a score and no interval; empty if none is so."""
    if record.intervals is None:
        return ""
    lone = ~np.isnan(record.scores.class_iou) & np.isnan(half_width(record, "class_iou"))
    classes = [name for name, each in zip(record.labels.class_names, lone, strict=True) if each]
    more = f" and {len(classes) - names} more" if len(classes) > names else ""
    unit = record.intervals.unit
    return f"no interval: fewer than two {unit} hold the class: {', '.join(classes[:names])}{more}" if classes else ""


def few_groups(record: RunRecord) -> str:
    """That groups are too few to trust their intervals; empty if they are not, or if images are drawn."""
    found = record.intervals
    if found is None or found.unit == "images" or found.units >= FEW_GROUPS:
        return ""
    of_each = "; what each condition scores is told by `segbench shift`" if found.unit == "conditions" else ""
    narrow = f"intervals over {found.units} {found.unit} are too narrow"
    return f"{narrow}: with 10 of them 95 % intervals held the truth in 89 % of trials{of_each}"


def interval_note(records: Iterable[RunRecord]) -> str:
    """What ``±`` means in a table of these records; empty if none has an interval."""
    known = [record.intervals for record in records if record.intervals and not math.isnan(half_width(record, "miou"))]
    kinds = sorted({(i.level, i.units, i.unit, i.replicates, i.seed, i.method) for i in known})
    texts = [
        f"{100 * level:g} % {method} interval over {units} {unit}" + (f" ({replicates} replicates, seed {seed})" if replicates else "")
        for level, units, unit, replicates, seed, method in kinds
    ]
    return f"± is half the width of the {' or of the '.join(texts)}" if texts else ""
