"""Whether what was counted again is what a record says: integers against integers, image by image where their matrices are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.cells import Cells, added
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.matrices import Matrices
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from segbench.records.run_record import RunRecord

HERE = ("segbench", "python", "numpy", "numba", "cores", "passes")
"""What of an environment does not move a logit."""


@dataclass(frozen=True)
class Agreement:
    """What counting again gave: ``problems`` that no arithmetic explains, and pixels that moved to another class.

    ``moved``: at least so many; ``apart``: how many in each image that differs, the most first. ``before`` and ``after``: the mIoU of the
    ``images`` that were counted again, a fraction; NaN where undefined. ``extras``: what else differs (Boundary IoU, instances, regions).
    """

    problems: tuple[str, ...]
    images: int
    pixels: int
    moved: int
    apart: tuple[tuple[str, int], ...]
    before: float
    after: float
    extras: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every integer is the same."""
        return not (self.problems or self.moved or self.extras)


Counts = tuple[Sequence[str], PerImage]
"""Ids of images, and what was counted in each."""


def agree_by_image(record: RunRecord, recorded: Counts, again: Counts) -> Agreement:
    """Hold images that were counted again, all or some of them, against the matrices beside a record."""
    ids, counted = again
    place = {name: index for index, name in enumerate(recorded[0])}
    if unknown := [name for name in ids if name not in place]:
        return _nothing([f"{len(unknown)} images are not among those of the record, {unknown[0]} for one: these are other data"])
    chosen = [place[name] for name in ids]
    other, moved, sums = _moved(recorded[1].matrices, counted.matrices, chosen)
    problems = [
        f"{name}: the record counts other target pixels than the target has" for name, wrong in zip(ids, other, strict=True) if wrong
    ]
    apart = sorted(((name, int(pixels)) for name, pixels in zip(ids, moved, strict=True) if pixels), key=lambda each: (-each[1], each[0]))
    own = [name for name in recorded[1].extras if len(ids) == len(recorded[0]) or name not in _together(record)]
    extras = [name for name in own if _differ(recorded[1].beside[name], counted.beside.get(name), chosen)]
    totals = [score(ConfusionMatrix(record.labels, each)).miou for each in sums]
    return Agreement(
        tuple(problems), len(ids), int(sums[0].pixels.sum()), int(moved.sum()), tuple(apart), totals[0], totals[1], tuple(extras)
    )


def _together(record: RunRecord) -> set[str]:
    """The arrays of images whose numbers depend on all images that were counted."""
    return {name for extra, value in record.counted.values() for name, array in extra.arrays_of(value).items() if array.together}


def agree_in_total(record: RunRecord, again: Counts) -> Agreement:
    """The same of a record without matrices: only the sums over all images can be held against each other."""
    before, after = record.confusion, ConfusionMatrix(record.labels, again[1].matrices.total())
    other = not np.array_equal(before.targets, after.targets)
    problems = ("the record counts other target pixels than these targets have",) if other else ()
    moved = int(np.abs((before.cells - after.cells).pixels).sum()) // 2
    pixels = int(before.cells.pixels.sum())
    return Agreement(problems, len(again[0]), pixels, moved, (), score(before).miou, score(after).miou)


def machine_differs(record: RunRecord, here: RunRecord) -> list[str]:
    """One line for each fact of the machine and its packages that may move a logit and is not the same."""
    then, now = record.environment, here.environment
    keys = [key for key in dict.fromkeys([*then, *now]) if key not in HERE and not (key == "cpu" and now.get("device") != "cpu")]
    return [f"{key}: {then.get(key)} then, {now.get(key)} now" for key in keys if then.get(key) != now.get(key)]


def _moved(before: Matrices, after: Matrices, chosen: Sequence[int]) -> tuple[list[bool], NDArray[np.int64], list[Cells]]:
    """Of each image whether its targets differ, and how many pixels moved; and the sum of all matrices on either side.

    ``chosen``: where the images of ``after`` are in ``before``.
    """
    other, moved = [], np.zeros(len(chosen), np.int64)
    for place, index in enumerate(chosen):
        apart = before.total(index, index + 1) - after.total(place, place + 1)
        other.append(bool(added([(apart.rows, apart.pixels)])[0].size))
        moved[place] = np.abs(apart.pixels).sum() // 2
    recorded = Cells.added(before.classes, ((block.cells, block.pixels) for i in chosen for block in before.blocks(first=i, last=i + 1)))
    return other, moved, [recorded, after.total()]


def _differ(recorded: NDArray[np.generic] | None, again: NDArray[np.generic] | None, chosen: Sequence[int]) -> bool:
    if recorded is None or again is None:
        return False
    return not np.allclose(recorded[chosen].astype(np.float64), again.astype(np.float64), rtol=0, atol=1e-9, equal_nan=True)


def _nothing(problems: Sequence[str]) -> Agreement:
    return Agreement(tuple(problems), 0, 0, 0, (), float("nan"), float("nan"))
