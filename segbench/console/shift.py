"""`segbench shift`: what a model scores in each condition, and how far that is from a reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segbench.console.terminal import NOTE, console, table
from segbench.files.json_text import dump_json
from segbench.leaderboards.board import read_runs
from segbench.metrics.shift import Condition, Shift
from segbench.metrics.uncertainty import LEVEL, REPLICATES
from segbench.records.shift import Asked, Shifted, shift_of_record
from segbench.report.tables.metrics import METRICS
from segbench.report.tables.numbers import interval, percent, shown_classes, signed


def print_shift(paths: Sequence[Path], asked: Asked, *, per_class: bool, as_json: bool) -> None:
    """Print the conditions of records, and their shift from the reference.

    :raises SegbenchError: see :func:`segbench.records.shift.shift_of_record`.
    """
    measured = read_runs(paths, "segbench run and score --json write run records")
    found = [shift_of_record(each.path, asked) for each in measured]
    if as_json:
        print(dump_json(list(map(shift_facts, found))), end="")
        return
    for each in found:
        _print(each, per_class=per_class)


def _print(shifted: Shifted, *, per_class: bool) -> None:
    show, name = console(), shifted.record.name
    header = [f"{name}: condition", "images", "classes", "mIoU"]
    header += [f"minus {shifted.reference}", "95 % interval"] if shifted.reference else []
    pairs = list(zip(shifted.conditions, shifted.shifts, strict=True))
    show.print(table(header, [_row(condition, shift, shifted) for condition, shift in pairs]))
    if per_class:
        show.print(table([f"{name}: class IoU", *(each.name for each in shifted.conditions)], _class_rows(pairs)))
    for note in _notes(shifted):
        show.print(note, style=NOTE, markup=False, soft_wrap=True)


def _row(condition: Condition, shift: Shift | None, shifted: Shifted) -> list[str]:
    low, high = condition.bounds["miou"].tolist()
    cells = [condition.name, f"{condition.images}", f"{condition.held.sum()}", percent(float(condition.scores["miou"]), (high - low) / 2)]
    if not shifted.reference:
        return cells
    if shift is None:
        return [*cells, "–", "–"]
    over = f" over {len(shift.common)} classes"
    return [*cells, signed(float(shift.difference["miou"])) + over, interval(*shift.bounds["miou"].tolist())]


def _class_rows(pairs: Sequence[tuple[Condition, Shift | None]]) -> list[list[str]]:
    """Of every class its IoU in each condition, and behind it the difference to the reference."""
    labels = pairs[0][0].labels
    columns = []
    for condition, shift in pairs:
        iou = [percent(value) for value in condition.scores["class_iou"].tolist()]
        if shift is not None:
            apart = shift.difference["class_iou"].tolist()
            iou = [f"{cell} ({signed(each)})" if not math.isnan(each) else cell for cell, each in zip(iou, apart, strict=True)]
        columns.append(iou)
    rows = list(zip(labels.class_names, *columns, strict=True))
    lowest = np.min([np.nan_to_num(condition.scores["class_iou"], nan=2.0) for condition, _ in pairs], axis=0)
    return [list(rows[index]) for index in shown_classes(lowest.tolist())]


def _notes(shifted: Shifted) -> list[str]:
    units = sum(each.units.shape[1] for each in shifted.conditions)
    notes = [
        f"{100 * LEVEL:g} % bootstrap intervals over {units} {shifted.unit} ({REPLICATES} replicates), drawn in each condition by itself"
    ]
    if shifted.reference:
        notes.append("differences are of the mean over the classes that the targets of both hold, and of other images: nothing is paired")
    return [*notes, shifted.record.signature]


def shift_facts(shifted: Shifted) -> dict[str, Any]:
    """The same as plain data: scores are fractions under the names that records use."""
    conditions = []
    for condition, shift in zip(shifted.conditions, shifted.shifts, strict=True):
        facts: dict[str, Any] = {"name": condition.name, "images": condition.images}
        facts |= _scores(condition, condition.scores, condition.bounds)
        if shift is not None:
            facts["shift"] = {"classes": list(shift.common), **_scores(condition, shift.difference, shift.bounds)}
        conditions.append(facts)
    record = shifted.record
    told = {"model": record.name, "signature": record.signature, "unit": shifted.unit, "against": shifted.reference or None}
    return told | {"conditions": conditions}


def _scores(condition: Condition, values: Any, bounds: Any) -> dict[str, Any]:
    fields = [metric.field for metric in METRICS.values() if metric.field in values]
    facts: dict[str, Any] = {name: {"value": float(values[name]), "interval": bounds[name].tolist()} for name in fields}
    of_classes = zip(condition.labels.class_names, values["class_iou"].tolist(), bounds["class_iou"].tolist(), strict=True)
    return facts | {"class_iou": {name: {"value": value, "interval": pair} for name, value, pair in of_classes}}
