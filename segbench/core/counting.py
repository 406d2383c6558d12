"""Counting pairs: the 256x256 histogram of (target byte, predicted byte) that everything else is derived from.

The kernel counts bytes. It needs no label space, has no options, and cannot be wrong about meaning: classes, void, train ids and stray
values are all told apart afterwards, by folding the histogram (:mod:`segbench.core.confusion`).

Label maps are long runs of equal pairs, so the kernel walks runs and adds each run's length once. Neighbouring runs mostly alternate
between few cells; adding a length instead of 1 is what keeps the dependent read-modify-write off the critical path.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def count_pairs(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64[256, 256]: how many pixels have target byte ``row`` and predicted byte ``column``.

    :param target: uint8[H, W].
    :param pred: uint8[H, W], of the same shape.
    :raises TypeError: an array is not uint8.
    :raises ValueError: the shapes differ.
    """
    if target.dtype != np.uint8 or pred.dtype != np.uint8:
        raise TypeError(f"label maps are uint8, not {target.dtype} and {pred.dtype}")
    if target.shape != pred.shape:
        raise ValueError(f"target {target.shape} and prediction {pred.shape} differ in shape")
    pairs = np.zeros((256, 256), np.int64)
    _count_runs(np.ascontiguousarray(target).reshape(-1), np.ascontiguousarray(pred).reshape(-1), pairs)
    return pairs


_BYTES = numba.types.Array(numba.types.uint8, 1, "C", readonly=True)  # takes writable arrays too


@numba.njit(numba.void(_BYTES, _BYTES, numba.int64[:, ::1]), cache=True, nogil=True)
def _count_runs(target: NDArray[np.uint8], pred: NDArray[np.uint8], pairs: NDArray[np.int64]) -> None:
    start = 0
    for i in range(1, target.size):
        if target[i] != target[i - 1] or pred[i] != pred[i - 1]:
            pairs[target[i - 1], pred[i - 1]] += i - start
            start = i
    if target.size > 0:
        pairs[target[target.size - 1], pred[target.size - 1]] += target.size - start
