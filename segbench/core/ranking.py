"""Ranks that are shared where a paired test sees no difference between two models.

A model's rank is one more than the number of models that are better beyond chance: their mIoU is higher, and the permutation test of
:mod:`segbench.core.uncertainty` on the same images calls the two different at the 5 % level. All pairs are tested, so the p-values are
adjusted for having made all these tests (Holm). A model can be alike with both of its neighbours while these differ from each other; then
it shares the rank of the better one.

As many exchanges are drawn as it takes for the smallest p-value to survive the adjustment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segbench.core.confusion import ConfusionMatrix
from segbench.core.labels import LabelSpace
from segbench.core.scores import score
from segbench.core.uncertainty import LEVEL, REPLICATES, SEED, holm, miou_p_value


def shared_ranks(labels: LabelSpace, models: Sequence[NDArray[np.int64]], *, level: float = LEVEL, seed: int = SEED) -> list[int]:
    """The rank of each model, from 1. One whose mIoU is undefined comes after all that have one.

    :param models: for each the confusion matrices int64[N, C, C+1] of the same images in the same order.
    :raises ValueError: the images differ.
    """
    mious = [score(ConfusionMatrix(labels, counts.sum(axis=0))).miou for counts in models]
    pairs = list(combinations(range(len(models)), 2))
    draws = max(REPLICATES, math.ceil(2 * len(pairs) / (1 - level)))
    adjusted = holm([miou_p_value(labels, models[i], models[j], replicates=draws, seed=seed) for i, j in pairs])
    better = [0] * len(models)
    for (i, j), p in zip(pairs, adjusted, strict=True):
        if p <= 1 - level and mious[i] != mious[j]:
            better[j if mious[i] > mious[j] else i] += 1
    defined = sum(not math.isnan(miou) for miou in mious)
    return [1 + (defined if math.isnan(miou) else count) for miou, count in zip(mious, better, strict=True)]
