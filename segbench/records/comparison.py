"""Two run records of the same images, held against each other.

What differs is told apart from chance on the images themselves (:mod:`segbench.metrics.paired`), so both records need the
matrices of their images beside them. Records of different signatures are refused: their numbers mean different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.files.notebook import Shown
from segbench.labels.space import LabelSpace
from segbench.metrics.extras import counted_unlike
from segbench.metrics.image_scores import image_miou
from segbench.metrics.paired import paired_differences
from segbench.metrics.per_image import PerImage, totals
from segbench.metrics.uncertainty import Comparison, holm
from segbench.records.groups import groups_of
from segbench.records.per_image import images_file, read_per_image
from segbench.records.run_record import RunRecord, read_run

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A score of both records, ``a`` minus ``b`` with its interval, all fractions, and the p-value; NaN where undefined."""

    name: str
    a: float
    b: float
    difference: float
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True, eq=False)
class Compared(Shown):
    """``a`` and ``b``, their scores by name of metric (as in ``Comparison``), and what was found.

    ``image_mious`` float64[2, N]: of each image of ``ids`` the mean IoU over the classes that it holds, of ``a`` and of ``b``.
    """

    a: RunRecord
    b: RunRecord
    scores: tuple[Mapping[str, Floats], Mapping[str, Floats]]
    found: Comparison
    ids: tuple[str, ...]
    image_mious: Floats

    @property
    def labels(self) -> LabelSpace:
        """The classes that are compared."""
        return self.a.labels

    def metric(self, field: str) -> Difference | None:
        """What is known of a metric, by its name in ``Comparison``; ``None`` if it is not one of both records."""
        if field not in self.found.difference:
            return None
        a, b = (float(scores[field]) for scores in self.scores)
        low, high = self.found.intervals.bounds[field].tolist()
        return Difference(field, a, b, float(self.found.difference[field]), (low, high), float(self.found.p_value[field]))

    def classes(self, field: str) -> list[Difference]:
        """The same of every class, the p-values Holm-corrected for the number of classes; empty if it is not one of both records."""
        if field not in self.found.difference:
            return []
        found = self.found
        columns = (self.scores[0][field], self.scores[1][field], found.difference[field], found.intervals.bounds[field])
        rows = zip(self.a.labels.class_names, *(values.tolist() for values in columns), holm(found.p_value[field].tolist()), strict=True)
        return [Difference(name, a, b, difference, (low, high), p) for name, a, b, difference, (low, high), p in rows]

    @property
    def better(self) -> Literal["a", "b"] | None:
        """The record whose mIoU is higher beyond chance, at the level of the intervals; ``None`` if the images do not tell."""
        miou = self.metric("miou")
        if miou is None or not miou.difference or not miou.p <= 1 - self.found.intervals.level:  # an undefined one has no p-value
            return None
        return "a" if miou.difference > 0 else "b"

    def changed_most(self, count: int) -> list[int]:
        """Indices of the images whose scores differ most, the largest difference first; images that are alike are left out."""
        change = np.abs(np.nan_to_num(self.image_mious[0] - self.image_mious[1]))
        order = sorted(range(len(change)), key=lambda i: (-change[i], self.ids[i]))
        return [i for i in order[:count] if change[i] > 0]


def compare_records(a: Path | str, b: Path | str, groups: str | None = None, replicates: int | None = None) -> Compared:
    """Compare two records, given as their JSON files.

    :param groups: what is drawn and exchanged, by a rule of :mod:`segbench.records.groups`; images by default.
    :param replicates: insists on drawing so many, where images or classes are too many to be drawn by default.
    :raises RecordError: a record or its matrices cannot be read or do not fit together, or the two are not comparable.
    :raises DataError: the images' names have no such groups.

    >>> import segbench
    >>> compared = segbench.compare_records("ours.json", "theirs.json")
    >>> round(compared.metric("miou").difference, 3)
    0.087
    """
    a, b = Path(a), Path(b)
    first, second = read_run(a), read_run(b)
    if differing := differences(first, second):
        raise RecordError("\n  ".join([f"{a} and {b} are not comparable; their signatures differ in", *differing]))
    if first.labels != second.labels:
        raise RecordError(f"{a} and {b} have different label spaces named {first.labels.name!r}")
    (ids, x), (other_ids, y) = read_matrices(a, first), read_matrices(b, second)
    if ids != other_ids:
        raise RecordError(f"{a} and {b} are of different images, or of the same images in another order")
    y = y.without(counted_unlike([first, second]))
    grouped = None if groups is None else groups_of(ids, groups)
    named: dict[str, Any] = {} if grouped is None else {"groups": grouped.of_images, "unit": grouped.unit}
    found = paired_differences(first.labels, x, y, replicates=replicates, **named)
    scores_a, scores_b = totals(first.labels, x), totals(first.labels, y)
    image_mious = np.stack([image_miou(x.matrices), image_miou(y.matrices)])
    return Compared(first, second, (scores_a, scores_b), found, tuple(ids), image_mious)


def differences(a: RunRecord, b: RunRecord) -> list[str]:
    """One line for each part of the signatures that is not the same."""
    if a.comparability == b.comparability:
        return []
    parts = [dict(part.partition(":")[::2] for part in record.signature.split("|")) for record in (a, b)]
    keys = dict.fromkeys([*parts[0], *parts[1]])
    return [f"{key}: {x} and {y}" for key in keys if (x := parts[0].get(key, "nothing")) != (y := parts[1].get(key, "nothing"))]


def read_matrices(path: Path, record: RunRecord) -> tuple[list[str], PerImage]:
    """Ids of a record's images, and what was counted in each.

    :raises RecordError: they are not beside it, or are not those of the record.
    """
    file = images_file(path)
    if not file.is_file():
        raise RecordError(f"{file} is missing: a comparison needs what was counted in every image; `run` and `score --json` write it")
    ids, counted = read_per_image(file)
    if not counted.matrices.total().equals(record.confusion.cells):
        raise RecordError(f"{file}: these matrices do not add up to {path.name} beside them")
    return ids, counted
