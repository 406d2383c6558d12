"""Label maps whose bytes mean something else than label ids: found from what lies on what, whatever the other meaning is.

    byte predicted   0    1    2  ...         label ids are right on 0.4 % of the pixels;
    lies on        road  side  building       one byte for each class, chosen to be right as often as can be, on 81 %
                   97 %  88 %  93 %           -> the predictions are in another order, or shifted

Bad predictions gain little by this, because what is wrong about them is not the same class everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace

EXAMPLES = 4


@dataclass(frozen=True)
class Misreading:
    """``acc`` with the bytes as they are, and ``best_acc`` if each stood for the class in ``class_of``: byte to class index."""

    labels: LabelSpace
    class_of: dict[int, int]
    acc: float
    best_acc: float

    @property
    def shift(self) -> int | None:
        """By how much every predicted byte is more than its class's label id, -128..127 (0 - 1 is 255); ``None`` if that differs.

        Of wide maps -32768..32767.
        """
        levels = self.labels.levels
        half = levels // 2
        shifts = {(byte - int(self.labels.id_of_index[index]) + half) % levels - half for byte, index in self.class_of.items()}
        return shifts.pop() if len(shifts) == 1 else None

    @property
    def is_index(self) -> bool:
        """Whether every predicted byte is the index of its class: a train id."""
        return all(byte == index for byte, index in self.class_of.items())

    def __str__(self) -> str:
        if self.is_index:
            how = "as train ids"
        elif self.shift is not None:
            how = f"with every predicted id {abs(self.shift)} {'lower' if self.shift > 0 else 'higher'}"
        else:
            examples = [f"{byte} as {self.labels.class_names[index]}" for byte, index in list(self.class_of.items())[:EXAMPLES]]
            how = f"reading {', '.join(examples)}" + (" ..." if len(self.class_of) > EXAMPLES else "")
        return f"{100 * self.acc:.1f} % of the pixels agree, but {100 * self.best_acc:.1f} % would, {how}"


def misreading(
    labels: LabelSpace, targets: NDArray[np.integer], preds: NDArray[np.integer], pixels: NDArray[np.int64]
) -> Misreading | None:
    """What predicted values seem to stand for, from cells int[K] of target class index and predicted value, and the pixels of each.

    Cells of targets that are no class are not evaluated. ``None`` unless another reading, one value for a class, is right on half of the
    evaluated pixels, twice as often as label ids, and on a tenth of the pixels more; and unless at least two values mean something else,
    each on most of its pixels.
    """
    evaluated = targets < len(labels.classes)
    cells, at = np.unique(targets[evaluated].astype(np.int64) * labels.levels + preds[evaluated], return_inverse=True)
    sums = np.zeros(len(cells), np.int64)
    np.add.at(sums, at, pixels[evaluated])
    return _of_cells(labels, *np.divmod(cells, labels.levels), sums)


def _of_cells(labels: LabelSpace, targets: NDArray[np.integer], preds: NDArray[np.integer], pixels: NDArray[np.int64]) -> Misreading | None:
    """The same of cells of classes that occur once each."""
    total, index = int(pixels.sum()), labels.index_of_id
    if not total:
        return None
    acc = int(pixels[index[preds] == targets].sum()) / total
    if 2 * acc + 0.1 > 1:
        return None
    chosen = _assignment(targets, preds, pixels)
    best_acc = int(pixels[chosen].sum()) / total
    predicted = np.bincount(preds, pixels, labels.levels)
    other = {int(preds[at]): int(targets[at]) for at in chosen if index[preds[at]] != targets[at] and 2 * pixels[at] > predicted[preds[at]]}
    if best_acc < max(0.5, 2 * acc + 0.1) or len(other) < 2:
        return None
    return Misreading(labels, dict(sorted(other.items())), acc, best_acc)


def _assignment(targets: NDArray[np.integer], preds: NDArray[np.integer], pixels: NDArray[np.int64]) -> list[int]:
    """The cells that give each value to a class, each at most once, the largest first."""
    chosen: list[int] = []
    values, classes = set[int](), set[int]()
    for cell in np.lexsort((preds, targets, -pixels)).tolist():
        value, at = int(preds[cell]), int(targets[cell])
        if value not in values and at not in classes:
            chosen.append(cell)
            values.add(value)
            classes.add(at)
    return chosen
