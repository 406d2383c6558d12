"""What a statistic is: something that is counted in every image, adds up over images, and gives scores.

Intervals, tests and totals are made of sums alone, for many data sets at once: a column for each. A new one is a :class:`Statistic` in
a file of its own and an array of its kind in :class:`segbench.metrics.extras.Extras`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace

Floats = NDArray[np.float64]
_AT_ONCE = 1 << 17  # numbers that are added before the next are looked at
Kind = Literal["one", "class", "category"]
"""Of what a score is: of the data set, float64[R] for R columns; of each class, float64[C, R]; of each category, float64[K, R]."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What scores are made of, of R data sets: ``hits``, ``targets`` and ``preds`` are pixels of each class, float64[C, R].

    ``category_hits`` float64[K, R]: pixels of a category that are predicted as one of it.
    """

    labels: LabelSpace
    hits: Floats
    targets: Floats
    preds: Floats
    category_hits: Floats


@dataclass(frozen=True)
class Statistic:
    """``shape`` of what is counted in one image, by the number of classes; ``names`` of the scores, and of what each is.

    ``sums`` makes numbers that add up, float64[N, S], of what was counted in N images; ``scores`` makes scores of such sums float64[S, R].
    """

    shape: Callable[[int], tuple[int, ...]]
    names: Mapping[str, Kind]
    sums: Callable[[NDArray[Any]], Floats]
    scores: Callable[[Sums, Floats], dict[str, Floats]]


def by_class(counted: NDArray[Any]) -> Floats:
    """float64[N, K C] of counts [N, C, K], or [N, C, ...] of K numbers in all: all classes of the first number, then of the second."""
    return counted.reshape(*counted.shape[:2], -1).transpose(0, 2, 1).reshape(len(counted), -1)


def scores_of_segments(labels: LabelSpace, counts: Floats, names: Sequence[tuple[str, str]]) -> dict[str, Floats]:
    """The share of segments that is found, and the mean recall of the classes' pixels, of each of Q kinds, float64[R].

    :param counts: [C, Q, 4, R]: segments, those that are found, their pixels, and the right ones.
    :param names: what the two are called, of each kind.
    """
    scores = dict[str, Floats]()
    for (of_found, of_recall), (segments, found, pixels, right) in zip(names, counts.transpose(1, 2, 0, 3), strict=True):
        scores[of_found] = divide(found.sum(axis=0), segments.sum(axis=0))
        scores[of_recall] = mean_of_classes(labels, divide(right, pixels))
    return scores


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    result = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def mean_of_classes(labels: LabelSpace, rows: Floats) -> Floats:
    """float64[R] of float64[C, R]: the mean over the classes that the label space averages."""
    return mean_of_rows(rows if len(labels.averaged) == len(rows) else rows[list(labels.averaged)])


def mean_of_rows(rows: Floats) -> Floats:
    """float64[R] of float64[C, R]: the mean of what is not NaN, added from the first row to the last as for a single matrix."""
    total = np.zeros((1, rows.shape[1]))
    for start in range(0, len(rows), at_once := max(1, _AT_ONCE // max(1, rows.shape[1]))):
        some = np.nan_to_num(rows[start : start + at_once])
        total = np.add.accumulate(np.concatenate([total, some]))[-1:]  # one after the other, where a sum may take them in pairs
    return divide(total[0], (~np.isnan(rows)).sum(axis=0).astype(np.float64))


def harmonic(x: Floats) -> Floats:
    """1 + 1/2 + ... + 1/x, and between whole numbers the digamma function of x + 1, plus Euler's constant; x is 0 or more."""
    near = sum(1 / (x + k) for k in range(1, 9))
    y = x + 8
    inverse = 1 / (y * y)
    series = np.log(y) + 0.5 / y - inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
    return np.asarray(series + np.euler_gamma - near)
