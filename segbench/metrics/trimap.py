"""The trimap curve: IoU of the pixels within 1, 2, 4 ... pixels of an edge of the target, so how much is lost at outlines.

Kohli, Ladicky, Torr, "Robust higher order potentials for enforcing label consistency", IJCV 2009; the widths are of no paper. A pixel is
within ``width`` of an edge if another *target* class is within that distance, the larger of those in rows and in columns; the edge of the
image is none, and void has none of its own (:mod:`segbench.metrics.boundary_iou`). Each width is the score of an ordinary confusion matrix
of fewer pixels, and holds the pixels of the widths before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import require_exact
from segbench.metrics.statistic import Floats, Statistic, Sums, by_class, divide, mean_of_classes

WIDTHS = (1, 2, 4, 8, 16, 32)
"""Pixels."""


@dataclass(frozen=True, eq=False)
class Trimap:
    """Pixels of each class within each of :data:`WIDTHS`, int64[C, W, 3]: hits, in the target, in the prediction."""

    counts: NDArray[np.int64]

    def mious(self, labels: LabelSpace) -> dict[int, float]:
        """The mIoU within each width, a fraction; NaN where there is no such pixel."""
        return {width: float(values[0]) for width, values in zip(WIDTHS, _curve(labels, self.counts[..., None]), strict=True)}

    @classmethod
    def total(cls, parts: Sequence[Trimap]) -> Trimap:
        """The sum of one or more images."""
        return cls(np.sum([part.counts for part in parts], axis=0))

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        return {"widths": list(WIDTHS), "counts": self.counts.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Trimap:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        counts = np.array(data["counts"])
        if list(data["widths"]) != list(WIDTHS):
            raise ValueError(f"a trimap within {data['widths']} pixels; this segbench knows {list(WIDTHS)}")
        if counts.dtype != np.int64 or counts.shape != (classes, len(WIDTHS), 3) or (counts < 0).any():
            raise ValueError(f"trimap counts must be whole numbers [{classes}, {len(WIDTHS)}, 3], not {counts.dtype}{list(counts.shape)}")
        require_exact(counts)
        return cls(counts)


def trimap_sums(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[C, 3] of a table int64[2, 2, C, C+1] from ``boundary_counting.count_boundaries``, without its frame."""
    confusion = table[1].sum(axis=0)
    return np.stack([confusion[:, :-1].diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)[:-1]], axis=1)


def _curve(labels: LabelSpace, counts: NDArray[Any]) -> list[Floats]:
    """For each width the mIoU float64[R] of counts [C, W, 3, R]."""
    hits, targets, preds = np.moveaxis(counts.astype(np.float64), 2, 0)
    iou = divide(hits, targets + preds - hits)
    return [mean_of_classes(labels, iou[:, at]) for at in range(len(WIDTHS))]


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    classes, columns = pairs.hits.shape
    counts = sums.reshape(len(WIDTHS), 3, classes, columns).transpose(2, 0, 1, 3)
    return {f"trimap_miou_{width}": values for width, values in zip(WIDTHS, _curve(pairs.labels, counts), strict=True)}


TRIMAP = Statistic(lambda classes: (classes, len(WIDTHS), 3), {f"trimap_miou_{width}": "one" for width in WIDTHS}, by_class, _scores)
"""The counts of :class:`Trimap` of every image, int64[N, C, W, 3]."""
