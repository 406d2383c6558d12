"""Boundary IoU and trimap IoU: scores of the pixels that lie near an edge of a class.

**Boundary IoU** (Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", CVPR 2021): of the mask of a class
only the band within ``width`` pixels of its edge counts, which is the mask without its erosion by ``width`` steps of a 3x3 square. The edge
of the image is an edge. Intersection and union of the bands of target and prediction are added over the data set, class by class. The
width is 2 % of the image's diagonal unless said otherwise (46 pixels at 1024x2048).

**Trimap IoU** (Kohli, Ladicky, Torr 2009): the IoU of all pixels within ``width`` pixels of another *target* class, by the larger of the
distances in rows and in columns. The edge of the image is no edge. It is the score of an ordinary confusion matrix of fewer pixels.

**Void** takes no part; the papers' masks have none, so this is a choice. Where the target is void the prediction is made void too, these
pixels are not counted, and erosion takes them for part of every mask. So a void region has no edges of its own, which a prediction could
only ever guess, but two classes on its two sides are near an edge if they are within reach of each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import require_exact
from segbench.metrics.scores import mean_of_defined
from segbench.metrics.statistic import Floats, Statistic, Sums, by_class, divide, mean_of_classes

RATIO = 0.02


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Pixels of each class near an edge, int64[C, 3]: in target and prediction both, in the target, in the prediction.

    ``ratio`` is the width as a share of the diagonal, ``widths`` the widths in pixels that came of it, ascending.
    """

    counts: NDArray[np.int64]
    ratio: float
    widths: tuple[int, ...]

    @property
    def class_iou(self) -> NDArray[np.float64]:
        """Boundary IoU of each class, float64[C]; NaN for a class without such pixels in target and prediction."""
        hits, union = self.counts[:, 0], self.counts[:, 1] + self.counts[:, 2] - self.counts[:, 0]
        result = np.full(len(hits), np.nan)
        np.divide(hits, union, out=result, where=union != 0)
        return result

    @property
    def miou(self) -> float:
        """Mean over the classes that have one."""
        return mean_of_defined(self.class_iou)

    def mean(self, labels: LabelSpace) -> float:
        """Mean over the classes that have one and that the label space averages."""
        return mean_of_defined(self.class_iou[list(labels.averaged)])

    @classmethod
    def total(cls, parts: Sequence[Boundaries]) -> Boundaries:
        """The sum of one or more images, counted with one ratio."""
        widths = sorted({width for part in parts for width in part.widths})
        return cls(np.sum([part.counts for part in parts], axis=0), parts[0].ratio, tuple(widths))

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        return {"ratio": self.ratio, "widths": list(self.widths), "counts": self.counts.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Boundaries:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        counts = np.array(data["counts"])
        if counts.dtype != np.int64 or counts.shape != (classes, 3) or (counts < 0).any():
            raise ValueError(f"boundary counts must be whole numbers [{classes}, 3], not {counts.dtype}{list(counts.shape)}")
        require_exact(counts)
        return cls(counts, float(data["ratio"]), tuple(int(width) for width in data["widths"]))


def boundary_width(shape: tuple[int, ...], ratio: float = RATIO) -> int:
    """The band's width in pixels for an image of (height, width, ...): a share of its diagonal, at least 1."""
    return max(1, round(ratio * math.hypot(*shape[:2])))


def boundary_sums(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[C, 3], the counts of :class:`Boundaries`, of a table int64[2, 2, C, C+1] from ``boundary_counting.count_boundaries``."""
    hits = table[1, 1, :, :-1].diagonal()
    return np.stack([hits, table[1].sum(axis=(0, 2)), table[:, 1].sum(axis=(0, 1))[:-1]], axis=1)


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    hits, targets, preds = np.split(sums, 3)
    boundary_iou = divide(hits, targets + preds - hits)
    return {"boundary_miou": mean_of_classes(pairs.labels, boundary_iou), "boundary_iou": boundary_iou}


BOUNDARY = Statistic(lambda classes: (classes, 3), {"boundary_miou": "one", "boundary_iou": "class"}, by_class, _scores)
"""The counts of :class:`Boundaries` of every image, int64[N, C, 3]."""
