"""Wrong pixels by their cause: which kind of mistake costs how much of the mIoU.

Segments are the connected components (by sides) of the class map of a target and of a prediction. Let x be a wrong pixel of target class t,
predicted as p, S its target segment and P its predicted segment, in pixels whose target is not void. Its cause is the first that holds:

    confusion   P has most of S, and S has most of P         a segment found, under another class
    missed      less than half of S is predicted as t        a segment that is not there in the prediction
    invented    less than half of P is truly p               a segment that is not there in the target
    border      an edge between t and p is near x            a segment found, whose outline is a few pixels off
    extent      what is left                                 a segment found, wrong at its rim beyond that, or inside

An edge between t and p is near x where a target pixel of class p that touches one of class t by a side is within ``border`` pixels of x,
by the larger of the distances in rows and in columns. Void ends a target segment and is never wrong; a prediction goes on below it.
Predicted outside of the label space is a class of its own here, which no target has.

**Segments by size**: of the segments of the target that are small, medium and large the share that is *found* (half of its pixels or more
are predicted as its class), and the recall of their pixels, the mean over classes. Predictions have no place in this: a false positive
belongs to no size.

**Cured**: what mIoU would be if all wrong pixels of one cause were right. They become hits of their target class and leave the pixels of
their predicted class, so it follows from how many there are of either. Gains do not add up to what is missing: the IoU is no sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix, require_exact
from segbench.metrics.statistic import Floats, Kind, Statistic, Sums, by_class, divide, mean_of_classes, scores_of_segments

Cause = Literal["border", "extent", "missed", "invented", "confusion"]
CAUSES: tuple[Cause, ...] = ("border", "extent", "missed", "invented", "confusion")
"""In the order of the kernel's table."""
SIZES = ("small", "medium", "large")
"""Segments of less than 32^2 pixels, of less than 96^2, and the others: where COCO cuts."""
_OF_SIZE = ("segments", "found", "pixels", "right")
BORDER = 3
"""Pixels from an edge that are near it, unless said otherwise."""


@dataclass(frozen=True, eq=False)
class Errors:
    """Wrong pixels, int64[C, 5, 2]: of each class and cause those whose target it is, and those that are predicted as it.

    ``border``: how many pixels from an edge are near it. ``sizes`` int64[C, 3, 4]: the segments of the target by class and by
    :data:`SIZES`: how many there are, how many are not missed, their pixels, and the right ones.
    """

    counts: NDArray[np.int64]
    border: int
    sizes: NDArray[np.int64]

    @property
    def pixels(self) -> dict[Cause, int]:
        """The wrong pixels of each cause."""
        return dict(zip(CAUSES, self.counts[:, :, 0].sum(axis=0).tolist(), strict=True))

    @classmethod
    def of_tables(cls, table: NDArray[np.int64], sizes: NDArray[np.int64], border: int) -> Errors:
        """From what :func:`segbench.kernels.error_counting.count_errors` gives; what is predicted as no class is no class's."""
        return cls(np.ascontiguousarray(table[:, :, :-1].transpose(2, 0, 1)), border, sizes)

    @classmethod
    def total(cls, parts: Sequence[Errors]) -> Errors:
        """The sum of one or more images, counted with one border."""
        return cls(np.sum([part.counts for part in parts], axis=0), parts[0].border, np.sum([part.sizes for part in parts], axis=0))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, by cause; :meth:`from_dict` reads it back."""
        columns = self.counts.transpose(1, 2, 0).tolist()
        pixels = {cause: {"target": of[0], "pred": of[1]} for cause, of in zip(CAUSES, columns, strict=True)}
        sizes = {
            size: dict(zip(_OF_SIZE, rows, strict=True)) for size, rows in zip(SIZES, self.sizes.transpose(1, 2, 0).tolist(), strict=True)
        }
        return {"border": self.border, "pixels": pixels, "segments": sizes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Errors:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        counts = np.array([[data["pixels"][cause][side] for side in ("target", "pred")] for cause in CAUSES])
        if counts.dtype != np.int64 or counts.shape != (len(CAUSES), 2, classes) or (counts < 0).any():
            raise ValueError(f"wrong pixels by cause must be whole numbers of {classes} classes, not {counts.dtype}{list(counts.shape)}")
        sizes = np.array([[data["segments"][size][name] for name in _OF_SIZE] for size in SIZES])
        if sizes.dtype != np.int64 or sizes.shape != (len(SIZES), len(_OF_SIZE), classes) or (sizes < 0).any():
            raise ValueError(f"segments by size must be whole numbers of {classes} classes, not {sizes.dtype}{list(sizes.shape)}")
        require_exact(counts)
        require_exact(sizes)
        return cls(np.ascontiguousarray(counts.transpose(2, 0, 1)), int(data["border"]), np.ascontiguousarray(sizes.transpose(2, 0, 1)))


def error_scores(confusion: ConfusionMatrix, errors: Errors) -> dict[str, NDArray[np.float64]]:
    """Of each cause its ``share`` of the wrong pixels, the mIoU if it were ``cured``, the ``gain``, and the ``class_gain`` float64[C].

    Fractions, by names such as ``gain_border``; NaN where undefined: where nothing is wrong, or a class loses its IoU with its last pixel.
    """
    hits, targets, preds = (each.astype(np.float64)[:, None] for each in (confusion.hits, confusion.targets, confusion.preds))
    pairs = Sums(confusion.labels, hits, targets, preds, np.zeros((0, 1)))
    return {name: values[..., 0] for name, values in _scores(pairs, by_class(errors.counts[None]).T.astype(np.float64)).items()}


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    classes, columns = pairs.hits.shape
    wrong = sums.reshape(len(CAUSES), 2, classes, columns)
    iou = divide(pairs.hits, pairs.targets + pairs.preds - pairs.hits)
    all_wrong, miou = wrong[:, 0].sum(axis=(0, 1)), mean_of_classes(pairs.labels, iou)
    scores: dict[str, Floats] = {}
    for cause, (of_target, of_pred) in zip(CAUSES, wrong, strict=True):
        hits = pairs.hits + of_target
        cured = divide(hits, pairs.targets + pairs.preds - of_pred - pairs.hits)
        scores |= {
            f"share_{cause}": divide(of_target.sum(axis=0), all_wrong),
            f"cured_{cause}": mean_of_classes(pairs.labels, cured),
            f"gain_{cause}": mean_of_classes(pairs.labels, cured) - miou,
            f"class_gain_{cause}": cured - iou,
        }
    return scores


_KINDS: dict[str, Kind] = {"share": "one", "cured": "one", "gain": "one", "class_gain": "class"}

_NAMES = {f"{name}_{cause}": kind for cause in CAUSES for name, kind in _KINDS.items()}

ERRORS = Statistic(lambda classes: (classes, len(CAUSES), 2), _NAMES, by_class, _scores)
"""The counts of :class:`Errors` of every image, int64[N, C, 5, 2]."""


def size_scores(labels: LabelSpace, sizes: NDArray[np.int64]) -> dict[str, float]:
    """By names such as ``found_small`` and ``recall_small``, of int64[C, 3, 4]; fractions, NaN where there is no such segment."""
    return {name: float(values[0]) for name, values in _size_scores(labels, sizes[..., None].astype(np.float64)).items()}


def _size_scores(labels: LabelSpace, counts: Floats) -> dict[str, Floats]:
    """Of counts [C, 3, 4, R]."""
    return scores_of_segments(labels, counts, [(f"found_{size}", f"recall_{size}") for size in SIZES])


def _scores_of_sizes(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    classes, columns = pairs.hits.shape
    return _size_scores(pairs.labels, sums.reshape(len(SIZES), len(_OF_SIZE), classes, columns).transpose(2, 0, 1, 3))


_SIZE_NAMES: dict[str, Kind] = {f"{name}_{size}": "one" for size in SIZES for name in ("found", "recall")}

SEGMENT_SIZES = Statistic(lambda classes: (classes, len(SIZES), len(_OF_SIZE)), _SIZE_NAMES, by_class, _scores_of_sizes)
"""The ``sizes`` of :class:`Errors` of every image, int64[N, C, 3, 4]."""
