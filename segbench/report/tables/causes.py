"""Errors by cause as tables: of one record what each cause has of the wrong pixels, and what the mIoU would be without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.error_causes import CAUSES, Cause, Errors, error_scores, size_scores
from segbench.records.run_record import RunRecord
from segbench.report.tables.holding import counted_in, require_counted
from segbench.report.tables.intervals import half_width
from segbench.report.tables.numbers import or_none, percent, shown_classes

SAID = {"small": "small, below 32² px", "medium": "medium, below 96² px", "large": "large"}
HEADER = ["cause of the error", "wrong pixels", "share", "mIoU if cured", "gain"]


@dataclass(frozen=True, eq=False)
class Causes:
    """The errors of a record by their cause.

    :raises RecordError: nobody asked for them when it was made.
    """

    record: RunRecord

    @cached_property
    def errors(self) -> Errors:
        """What was counted."""
        counted: Errors = counted_in(self.record, "errors")
        return counted

    @cached_property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """By names such as ``gain_border``."""
        return error_scores(self.record.confusion, self.errors)

    def gain(self, cause: Cause) -> float:
        """What curing a cause adds to the mIoU, a fraction."""
        return float(self.scores[f"gain_{cause}"])

    @property
    def rows(self) -> list[list[str]]:
        """The cells below :data:`HEADER`: a row for each cause, and one for all of them."""
        rows = []
        for cause, pixels in self.errors.pixels.items():
            cells = [self._percent(f"{name}_{cause}") for name in ("share", "cured", "gain")]
            rows.append([cause, f"{pixels}", *cells])
        total, miou = sum(self.errors.pixels.values()), self.record.scores.miou
        return [*rows, ["all", f"{total}", *map(percent, (1.0 if total else math.nan, 1.0, 1 - miou))]]

    def class_table(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of all classes: what curing a cause adds to their IoU."""
        iou = self.record.scores.class_iou
        columns = [list(map(percent, iou, half_width(self.record, "class_iou")))]
        for cause in CAUSES:
            name = f"class_gain_{cause}"
            columns.append(list(map(percent, self.scores[name], half_width(self.record, name))))
        rows = list(zip(self.record.labels.class_names, *columns, strict=True))
        return ["class: gain in IoU by", "IoU", *CAUSES], [list(rows[index]) for index in shown_classes(iou.tolist())]

    def size_table(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of the segments of the target by their size."""
        scores, rows = size_scores(self.record.labels, self.errors.sizes), []
        for at, (size, said) in enumerate(SAID.items()):
            cells = [percent(scores[name], float(half_width(self.record, name))) for name in (f"found_{size}", f"recall_{size}")]
            rows.append([said, f"{int(self.errors.sizes[:, at, 0].sum())}", *cells])
        return ["segments of the target", "number", "found", "recall of their pixels"], rows

    def facts(self) -> dict[str, Any]:
        """The same as plain data: fractions, intervals of two numbers, ``None`` where undefined."""
        record, names = self.record, self.record.labels.class_names
        bounds = record.intervals.bounds if record.intervals else {}
        causes = {}
        for cause, pixels in self.errors.pixels.items():
            fields = {name: f"{name}_{cause}" for name in ("share", "cured", "gain")}
            values = {name: or_none(self.scores[field]) for name, field in fields.items()}
            of_bounds = {f"{name}_interval": list(map(or_none, bounds[field])) for name, field in fields.items() if field in bounds}
            of_classes = dict(zip(names, map(or_none, self.scores[f"class_gain_{cause}"]), strict=True))
            causes[cause] = {"pixels": pixels, **values, **of_bounds, "class_gain": of_classes}
        return {
            "model": record.name,
            "signature": record.signature,
            "miou": or_none(np.float64(record.scores.miou)),
            "border": self.errors.border,
            "causes": causes,
            "sizes": {name: or_none(value) for name, value in size_scores(record.labels, self.errors.sizes).items()},
        } | strata_facts(record)

    def _percent(self, field: str) -> str:
        return percent(float(self.scores[field]), float(half_width(self.record, field)))


def strata_table(record: RunRecord) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the segments of the target by quantiles of their size; of a record that counted them."""
    assert record.strata is not None
    scores, numbers, rows = record.strata.scores(record.labels), record.strata.counts[:, :, 0].sum(axis=0), []
    for at, (bound, number) in enumerate(zip(record.strata.bounds, numbers.tolist(), strict=True)):
        names = [f"{name}_stratum_{at + 1}_of_{record.strata.strata}" for name in ("found", "recall")]
        cells = [percent(float(scores[name]), float(half_width(record, name))) for name in names]
        rows.append([f"{at + 1} of {record.strata.strata}, up to {bound} px", f"{number}", *cells])
    return [f"{record.name}: segments by quantiles of size", "number", "found", "recall of their pixels"], rows


def strata_facts(record: RunRecord) -> dict[str, Any]:
    """The same as plain data: ``strata`` with their bounds in pixels, from the smallest on; nothing where they were not counted."""
    if record.strata is None:
        return {}
    scores = {name: or_none(value) for name, value in record.strata.scores(record.labels).items()}
    return {"strata": {"bounds": list(record.strata.bounds), **scores}}


def causes_of(records: Sequence[RunRecord]) -> list[Causes]:
    """The errors of records by cause.

    :raises RecordError: naming every record that has none.
    """
    require_counted(records, "errors")
    return [Causes(record) for record in records]


def causes_note(causes: Causes) -> str:
    """What the table of a record means."""
    return (
        f"gain: what the mIoU rises by if all wrong pixels of this cause alone were right; border: within {causes.errors.border} px of an "
        "edge of the two classes; gains do not add up, as an IoU is no sum"
    )
