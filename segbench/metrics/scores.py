"""Scores: pure functions of a confusion matrix. Integers until the single division; fractions, not percent; NaN where undefined.

With M the confusion matrix, n_ij its entry (target i, predicted j), t_i the row sum (last column included), p_j the column sum over target
classes (Long, Shelhamer, Darrell 2015, section 5):

    acc      = sum_i n_ii / sum_i t_i
    acc_cls  = mean_i n_ii / t_i                     over classes with t_i > 0
    IoU_i    = n_ii / (t_i + p_i - n_ii)             0 for a class that is only predicted, NaN for one that is neither
    mIoU     = mean_i IoU_i                          over classes whose IoU is defined, and that the label space averages
    fwIoU    = sum_i t_i IoU_i / sum_i t_i
    Dice_i   = 2 n_ii / (t_i + p_i)                  F1 of the class; its precision is n_ii / p_i, its recall n_ii / t_i

Class IoU, category IoU and their means equal cityscapesScripts 2.3.0 to the last bit: means are summed left to right, in label order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.files.notebook import Shown
from segbench.metrics.confusion import ConfusionMatrix

METRICS_VERSION = 1
"""Raised by every change that can move a score; see CHANGELOG.md."""


@dataclass(frozen=True, eq=False)
class Scores(Shown):
    """Every score of a data set: fractions in 0..1, NaN where undefined. Arrays are float64[C] in the label space's class order.

    >>> import segbench
    >>> scores = segbench.read_run("ours.json").scores
    >>> f"{scores.miou:.3f} {scores.acc:.3f}"
    '0.813 0.897'
    """

    acc: float
    acc_cls: float
    miou: float
    fwiou: float
    class_acc: NDArray[np.float64]
    class_iou: NDArray[np.float64]
    class_precision: NDArray[np.float64]
    class_dice: NDArray[np.float64]
    category_iou: dict[str, float]
    category_miou: float
    dice: float
    """The mean of the classes' Dice (F1), over the classes that have one."""
    precision: float
    """The mean of the classes' precision, over the classes that are predicted; the mean recall is ``acc_cls``."""

    @property
    def class_recall(self) -> NDArray[np.float64]:
        """Recall of a class is its accuracy: hits / target pixels."""
        return self.class_acc


def score(cm: ConfusionMatrix) -> Scores:
    """Every score of a confusion matrix.

    >>> import segbench
    >>> import numpy as np
    >>> labels = segbench.LabelSpace("two", tuple(segbench.LabelClass(name, (i,), (0, 0, 0)) for i, name in enumerate(("a", "b"))))
    >>> segbench.score(segbench.ConfusionMatrix(labels, np.array([[4, 0, 0], [2, 2, 0]]))).class_iou.tolist()
    [0.6666666666666666, 0.5]
    """
    hits, targets, preds = cm.hits, cm.targets, cm.preds
    class_iou = _divide(hits, targets + preds - hits)
    class_acc = _divide(hits, targets)
    class_precision, class_dice = _divide(hits, preds), _divide(2 * hits, targets + preds)

    def mean(values: NDArray[np.float64]) -> float:
        return mean_of_defined(values[list(cm.labels.averaged)])

    categories = category_iou(cm)
    return Scores(
        acc=_fraction(int(hits.sum()), int(targets.sum())),
        acc_cls=mean(class_acc),
        miou=mean(class_iou),
        fwiou=_frequency_weighted(class_iou, targets),
        class_acc=class_acc,
        class_iou=class_iou,
        class_precision=class_precision,
        class_dice=class_dice,
        category_iou=categories,
        category_miou=mean_of_defined(categories.values()),
        dice=mean(class_dice),
        precision=mean(class_precision),
    )


def category_iou(cm: ConfusionMatrix) -> dict[str, float]:
    """IoU by category: confusing two classes of one category is a hit. Empty if the label space has no categories."""
    names, cells = cm.labels.categories, cm.cells
    category = np.append(cm.labels.category_of_class, len(names))
    rows, columns = category[cells.rows], category[cells.columns]
    sums = np.zeros((3, len(names) + 1), np.int64)
    for place, (index, chosen) in enumerate(((rows, rows == columns), (rows, ...), (columns, ...))):
        np.add.at(sums[place], index[chosen], cells.pixels[chosen])
    hits, targets, preds = sums
    return {name: _fraction(int(hits[i]), int(targets[i] + preds[i] - hits[i])) for i, name in enumerate(names)}


def mean_of_defined(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN, added left to right as the official scorer does; NaN if there is none."""
    total, defined = 0.0, 0
    for value in values:
        if not math.isnan(value):
            total += float(value)
            defined += 1
    return total / defined if defined else math.nan


def _frequency_weighted(class_iou: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    if not targets.sum():
        return math.nan
    present = targets > 0
    return float((class_iou[present] * targets[present]).sum() / targets.sum())


def _divide(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _fraction(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan
