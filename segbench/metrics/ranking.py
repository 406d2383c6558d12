"""Ranks that are shared where a paired test sees no difference between two models.

The best model leads the first rank. From the best to the worst, a model shares the rank of the leader above it unless the two differ beyond
chance; then it leads the next rank, which is its place. Two models differ where the permutation test of :mod:`segbench.metrics.uncertainty`
says so at the 5 % level. All pairs are tested, and the p-values are adjusted for having made all these tests (Holm). Models of one rank are
alike with its leader, not always with each other: being alike is not transitive.

As many exchanges are drawn as it takes for the smallest p-value to survive the adjustment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from segbench.metrics.uncertainty import LEVEL, REPLICATES, SEED, holm, miou_p_value


def shared_ranks(
    labels: LabelSpace, models: Sequence[NDArray[np.int64] | PerImage], *, level: float = LEVEL, seed: int = SEED
) -> list[int]:
    """The rank of each model, from 1. One whose mIoU is undefined comes after all that have one.

    :param models: for each the confusion matrices of the same images in the same order, int64[N, C, C+1] or what holds them.
    :raises ValueError: the images differ.
    """
    counted = [each if isinstance(each, PerImage) else PerImage(each) for each in models]
    mious = [score(ConfusionMatrix(labels, each.matrices.total())).miou for each in counted]
    pairs = list(combinations(range(len(models)), 2))
    draws = max(REPLICATES, math.ceil(2 * len(pairs) / (1 - level)))
    adjusted = holm([miou_p_value(labels, counted[i], counted[j], replicates=draws, seed=seed) for i, j in pairs])
    differ = {frozenset(pair) for pair, p in zip(pairs, adjusted, strict=True) if p <= 1 - level}
    order = sorted(range(len(models)), key=lambda i: -math.inf if math.isnan(mious[i]) else mious[i], reverse=True)
    ranks, leader = [0] * len(models), 0
    for place, i in enumerate(order):
        undefined_from_here = math.isnan(mious[i]) and not math.isnan(mious[order[leader]])
        if frozenset((order[leader], i)) in differ or undefined_from_here:
            leader = place
        ranks[i] = leader + 1
    return ranks
