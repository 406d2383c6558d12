"""Ranks that are shared where a paired test sees no difference between two models.

The best model leads the first rank. From the best to the worst, a model shares the rank of the leader above it unless the two differ beyond
chance; then it leads the next rank, which is its place. Two models differ where the test of :mod:`segbench.metrics.paired`
says so at the 5 % level. All pairs are tested, and the p-values are adjusted for having made all these tests (Holm). Models of one rank are
alike with its leader, not always with each other: being alike is not transitive.

As many exchanges are drawn as it takes for the smallest p-value to survive the adjustment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.paired import paired_p_value
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from segbench.metrics.uncertainty import LEVEL, REPLICATES, holm


def shared_ranks(labels: LabelSpace, models: Sequence[NDArray[np.int64] | PerImage], *, level: float = LEVEL) -> list[int]:
    """The rank of each model by its mIoU, from 1. One whose mIoU is undefined comes after all that have one.

    :param models: for each the confusion matrices of the same images in the same order, int64[N, C, C+1] or what holds them.
    :raises ValueError: the images differ.
    """
    counted = [each if isinstance(each, PerImage) else PerImage(each) for each in models]
    mious = [score(ConfusionMatrix(labels, each.matrices.total())).miou for each in counted]

    def p_value(i: int, j: int, draws: int) -> float:
        return paired_p_value(labels, counted[i], counted[j], replicates=draws)

    return ranks_by(mious, p_value, level=level)


def ranks_by(values: Sequence[float], p_value: Callable[[int, int, int], float], *, level: float = LEVEL) -> list[int]:
    """The rank of each model by values of which more is better, from 1. One without a value, NaN, comes after all that have one.

    :param p_value: of two models and a number of draws, that they are alike.
    """
    pairs = list(combinations(range(len(values)), 2))
    draws = max(REPLICATES, math.ceil(2 * len(pairs) / (1 - level)))
    adjusted = holm([p_value(i, j, draws) for i, j in pairs])
    differ = {frozenset(pair) for pair, p in zip(pairs, adjusted, strict=True) if p <= 1 - level}
    order = sorted(range(len(values)), key=lambda i: -math.inf if math.isnan(values[i]) else values[i], reverse=True)
    ranks, leader = [0] * len(values), 0
    for place, i in enumerate(order):
        undefined_from_here = math.isnan(values[i]) and not math.isnan(values[order[leader]])
        if frozenset((order[leader], i)) in differ or undefined_from_here:
            leader = place
        ranks[i] = leader + 1
    return ranks
