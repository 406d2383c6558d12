"""Folding pair counts into a confusion matrix: the one place where bytes meet classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.cells import Cells


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """int64[C, C+1]: rows are target classes, columns predicted classes; the last column holds predictions of no class.

    Pixels whose target is void are not in it. A prediction of no class on an evaluated pixel is a false negative of its target and a false
    positive of nobody. ``held``: the matrix, or the same as the cells that occur.

    :raises ValueError: it is of another shape or type, or its numbers are negative or too many to be exact.

    >>> import segbench
    >>> import numpy as np
    >>> labels = segbench.label_space("camvid")
    >>> pairs = segbench.count_pairs(np.array([[0, 3, 11]], np.uint8), np.array([[0, 3, 3]], np.uint8))  # 11 is void
    >>> int(segbench.ConfusionMatrix.from_pairs(labels, pairs).counts.sum())
    2
    """

    labels: LabelSpace
    held: NDArray[np.int64] | Cells

    def __post_init__(self) -> None:
        classes, held = len(self.labels.classes), self.held
        if isinstance(held, Cells):
            if held.classes != classes:
                raise ValueError(f"a matrix of {held.classes} classes is none of the {classes} of {self.labels.name!r}")
        elif held.shape != (classes, classes + 1) or held.dtype != np.int64:
            raise ValueError(f"counts must be int64[{classes}, {classes + 1}], not {held.dtype}{list(held.shape)}")
        require_exact(held.pixels if isinstance(held, Cells) else held)

    @cached_property
    def cells(self) -> Cells:
        """The cells that occur."""
        return self.held if isinstance(self.held, Cells) else Cells.of(self.held)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """int64[C, C+1], the whole matrix.

        :raises LabelError: there are too many classes (:data:`segbench.metrics.cells.MOST_WHOLE`).
        """
        return self.held.dense() if isinstance(self.held, Cells) else self.held

    @cached_property
    def hits(self) -> NDArray[np.int64]:
        """int64[C]: pixels of each class that are predicted as it."""
        same = self.cells.rows == self.cells.columns
        return self._by_class(self.cells.rows[same], self.cells.pixels[same])

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """int64[C]: target pixels of each class."""
        return self._by_class(self.cells.rows, self.cells.pixels)

    @cached_property
    def preds(self) -> NDArray[np.int64]:
        """int64[C]: pixels that are predicted as each class, on evaluated pixels."""
        return self._by_class(self.cells.columns, self.cells.pixels)

    @property
    def outside(self) -> int:
        """Evaluated pixels that are predicted as no class."""
        return int(self.cells.pixels[self.cells.columns == self.cells.classes].sum())

    def _by_class(self, index: NDArray[np.int64], pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        sums = np.zeros(self.cells.classes + 1, np.int64)
        np.add.at(sums, index, pixels)
        return sums[:-1]

    @classmethod
    def from_pairs(cls, labels: LabelSpace, pairs: NDArray[np.int64], pred_index: NDArray[np.uint8] | None = None) -> ConfusionMatrix:
        """Fold int64[256, 256] pair counts, or their top left corner if there is nothing else.

        :param pred_index: uint8[256], predicted byte to class index; C or more is no class. By default predictions are label ids.
        :raises LabelError: a target id is neither a class's nor void's.
        """
        if stray := stray_target_ids(labels, pairs):
            raise LabelError(f"target ids {stray} are not in label space {labels.name!r}: is this a map in another encoding?")
        index = labels.index_of_id if pred_index is None else pred_index
        targets, preds = pairs.nonzero()  # of 65 536 pairs of bytes few occur
        image = np.zeros(len(targets), np.intp)
        folded = fold_cells(image, labels.index_of_id[targets], index[preds], pairs[targets, preds], (1, len(labels.classes)))
        return cls(labels, folded[0])

    @classmethod
    def zero(cls, labels: LabelSpace) -> ConfusionMatrix:
        """A matrix without pixels."""
        return cls(labels, Cells.added(len(labels.classes), ()))

    @classmethod
    def total(cls, matrices: Iterable[ConfusionMatrix], labels: LabelSpace) -> ConfusionMatrix:
        """The sum of any number of matrices of one label space."""
        return sum(matrices, cls.zero(labels))

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        if self.labels != other.labels:
            raise LabelError(f"matrices of {self.labels.name!r} and {other.labels.name!r} do not add up")
        return ConfusionMatrix(self.labels, self.cells + other.cells)


EXACT = 1 << 53
"""Up to here every whole number is a float64: sums below it, and the quotients that scores are, are exact."""


def require_exact(counts: NDArray[np.int64]) -> None:
    """Check counts of pixels.

    :raises ValueError: one is negative, or all together are so many that scores would not be exact.
    """
    if (counts < 0).any():
        raise ValueError("counts must not be negative")
    if (pixels := counts.sum(dtype=np.float64)) >= EXACT:
        raise ValueError(f"{pixels:.3g} pixels were counted; scores are exact below 2^53 of them")


def fold_cells(
    image: NDArray[np.intp], targets: NDArray[np.uint8], preds: NDArray[np.uint8], pixels: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """int64[N, C, C+1], the confusion matrices of N images with C classes (``shape``), from cells of their pair counts.

    :param image: int[K], the image of each cell; ``pixels`` int64[K] are what it holds.
    :param targets, preds: uint8[K], class indices; C or more is void for targets and no class for predictions.
    """
    images, classes = shape
    size = classes + 1
    rows, columns = np.minimum(targets, classes), np.minimum(preds, classes)
    counts = np.zeros((images, size, size), np.int64)
    np.add.at(counts.reshape(-1), (image * size + rows) * size + columns, pixels)
    return counts[:, :classes]  # the last row is void's


def stray_target_ids(labels: LabelSpace, pairs: NDArray[np.int64]) -> list[int]:
    """Target ids that occur in the pair counts but belong to no class and no void label."""
    return np.flatnonzero(pairs.any(axis=1) & (labels.index_of_id[: len(pairs)] == labels.unknown)).tolist()
