"""Scores of many data sets at once: what :mod:`segbench.metrics.scores` does with one confusion matrix, for R of them in one pass.

Scores need only sums that are linear in the matrix, so int64[C, C+1] shrinks to a column of ``S = 3 C + K`` numbers::

    hits[C]  targets[C]  preds[C]  hits within the category[K]

and what was counted beside it adds the rows that :data:`EXTRAS` names.

Columns add up as matrices do. What is undefined, and what leaves a mean, is as for a single matrix.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace

Floats = NDArray[np.float64]

OF_CLASSES = ("class_iou", "class_acc", "class_precision", "class_dice", "boundary_iou", "class_iiou")
OF_CATEGORIES = ("category_iou",)
EXTRAS = ("boundary", "instances", "segments")
"""Fields of :class:`PerImage` that may be absent, in the order of their rows: 3 C, 2 C and 3."""


@dataclass(frozen=True, eq=False)
class PerImage:
    """All that was counted in N images: the confusion matrix of each, int64[N, C, C+1], and where they were asked for the counts of
    Boundary IoU int64[N, C, 3] (:class:`segbench.metrics.boundary_iou.Boundaries`) and the weighted hits and misses of instances
    float64[N, C, 2] (:class:`segbench.metrics.instance_iou.InstanceScores`). ``segments`` are V_rand and V_info, float64[N, 2], which are
    means over images and not sums (:mod:`segbench.metrics.region_scores`).
    """

    confusion: NDArray[np.int64]
    boundary: NDArray[np.int64] | None = None
    instances: Floats | None = None
    segments: Floats | None = None

    @property
    def extras(self) -> tuple[str, ...]:
        """Which of :data:`EXTRAS` were counted."""
        return tuple(name for name in EXTRAS if getattr(self, name) is not None)


def units_of(labels: LabelSpace, counted: NDArray[np.int64] | PerImage, groups: Sequence[Hashable] | None) -> Floats:
    """float64[S, N]: a column for each image, or for each group of images.

    :param counted: of every image; the confusion matrices alone will do.
    :param groups: the group of each image; by default every image is its own.
    :raises ValueError: the shapes do not fit together.
    """
    counted = counted if isinstance(counted, PerImage) else PerImage(counted)
    per_image, classes = counted.confusion, len(labels.classes)
    if per_image.dtype != np.int64 or per_image.shape != (len(per_image), classes, classes + 1):
        raise ValueError(f"matrices must be int64[N, {classes}, {classes + 1}], not {per_image.dtype}{list(per_image.shape)}")
    if groups is not None and len(groups) != len(per_image):
        raise ValueError(f"{len(groups)} groups for {len(per_image)} images")
    inside = _members(labels)
    square = per_image[:, :, :-1]
    hits = np.diagonal(square, axis1=1, axis2=2)
    category_hits = ((inside @ square) * inside).sum(axis=2)
    parts = [hits, per_image.sum(axis=2), square.sum(axis=1), category_hits]
    shapes = {"boundary": (classes, 3), "instances": (classes, 2), "segments": (2,)}
    for name in counted.extras:
        more = getattr(counted, name)
        if more.shape != (len(per_image), *shapes[name]):
            raise ValueError(f"{name} must be {[len(per_image), *shapes[name]]}, not {list(more.shape)}")
        parts.append(_summed(more) if name == "segments" else more.transpose(0, 2, 1).reshape(len(per_image), -1))
    statistics = np.concatenate(parts, axis=1).T
    if groups is None:
        return np.ascontiguousarray(statistics, np.float64)
    number = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(number), len(statistics)), statistics.dtype)
    np.add.at(sums, np.array([number[group] for group in groups], np.intp), statistics.T)
    return np.ascontiguousarray(sums.T, np.float64)


def _summed(segments: Floats) -> Floats:
    """float64[N, 3]: what adds up to means over the images that have such scores, and 1 for each of these."""
    defined = ~np.isnan(segments).any(axis=1, keepdims=True)
    return np.concatenate([np.where(defined, segments, 0), defined], axis=1)


def _members(labels: LabelSpace) -> NDArray[np.int64]:
    """int64[K, C]: 1 where the class is of the category."""
    rows = [[label.category == category for label in labels.classes] for category in labels.categories]
    return np.array(rows, np.int64).reshape(len(rows), len(labels.classes))


def scores_of(labels: LabelSpace, sums: Floats, extras: Sequence[str] = ()) -> dict[str, Floats]:
    """Every score of R columns float64[S, R], by field name of :class:`~segbench.metrics.scores.Scores`, and those of the extras.

    float64[R]; scores of classes and of categories float64[C, R] and float64[K, R].
    """
    classes, inside = len(labels.classes), _members(labels).astype(np.float64)
    plain = 3 * classes + len(inside)
    hits, targets, preds, category_hits, more = np.split(sums, [classes, 2 * classes, 3 * classes, plain])
    class_iou, class_acc = _divide(hits, targets + preds - hits), _divide(hits, targets)
    scores = {
        "acc": _divide(hits.sum(axis=0), targets.sum(axis=0)),
        "acc_cls": _mean_of_defined(class_acc),
        "miou": _mean_of_defined(class_iou),
        "fwiou": _divide((np.nan_to_num(class_iou) * targets).sum(axis=0), targets.sum(axis=0)),
        "class_iou": class_iou,
        "class_acc": class_acc,
        "class_precision": _divide(hits, preds),
        "class_dice": _divide(2 * hits, targets + preds),
    }
    if len(inside):
        category_iou = _divide(category_hits, inside @ (targets + preds) - category_hits)
        scores |= {"category_miou": _mean_of_defined(category_iou), "category_iou": category_iou}
    if "boundary" in extras:
        near, near_targets, near_preds, more = np.split(more, [classes, 2 * classes, 3 * classes])
        boundary_iou = _divide(near, near_targets + near_preds - near)
        scores |= {"boundary_miou": _mean_of_defined(boundary_iou), "boundary_iou": boundary_iou}
    if "instances" in extras:
        weighted_hits, misses, more = np.split(more, [classes, 2 * classes])
        class_iiou = _divide(weighted_hits, weighted_hits + (preds - hits) + misses)
        class_iiou[[not label.has_instances for label in labels.classes]] = np.nan
        scores |= {"iiou": _mean_of_defined(class_iiou), "class_iiou": class_iiou}
    if "segments" in extras:
        scores |= {"v_rand": _divide(more[0], more[2]), "v_info": _divide(more[1], more[2])}
    return scores


def totals(labels: LabelSpace, counted: PerImage) -> dict[str, Floats]:
    """Every score of the images together: float64[], of classes float64[C], of categories float64[K]."""
    sums = units_of(labels, counted, None).sum(axis=1, keepdims=True)
    return {name: values[..., 0] for name, values in scores_of(labels, sums, counted.extras).items()}


def mious_of(labels: LabelSpace, sums: Floats) -> Floats:
    """The mIoU alone of R columns, float64[R]."""
    classes = len(labels.classes)
    hits, targets, preds = np.split(sums[: 3 * classes], 3)
    return _mean_of_defined(_divide(hits, targets + preds - hits))


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    result = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _mean_of_defined(rows: Floats) -> Floats:
    """float64[R] of float64[C, R]: the mean of what is not NaN, added from the first row to the last as for a single matrix."""
    total, defined = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for row in rows:
        total += np.nan_to_num(row)
        defined += ~np.isnan(row)
    return _divide(total, defined)
