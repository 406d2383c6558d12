"""Counting pairs: the 256x256 histogram of (target byte, predicted byte) that everything else is derived from.

The kernel counts bytes. It needs no label space, has no options, and cannot be wrong about meaning: classes, void, train ids and stray
values are all told apart afterwards, by folding the histogram (:mod:`segbench.metrics.confusion`).

Label maps are long runs of equal pairs, about 20 000 in two million pixels, so it is runs that are counted, and one row is as good as
all rows behind each other::

    target      7 7 7 7 7 7 7 7 26 26 26 26 26
    prediction  7 7 7 7 7 7 11 11 11 11 26 26 26
    changes     . 0 0 0 0 0 1  0  1  0  1  0  0       64 pixels at once: where either map differs from itself shifted by one
    runs        [7, 7] += 6, [7, 11] += 2, [26, 11] += 2, ...

A block of 64 pixels in which nothing changes costs two comparisons. Where nearly every pixel changes (noise) runs are pointless, and the
block is counted pixel by pixel.
"""

from __future__ import annotations

import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.blocks import LANES, changes, lowest, ones
from segbench.kernels.compiling import kernel

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

Number = TypeVar("Number", bound=np.generic)


def count_pairs(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64[256, 256]: how many pixels have target byte ``row`` and predicted byte ``column``.

    :param target: uint8[H, W].
    :param pred: uint8[H, W], of the same shape.
    :raises TypeError: an array is not uint8.
    :raises ValueError: the shapes differ.

    >>> import segbench
    >>> import numpy as np
    >>> target, pred = np.array([[7, 7, 26]], np.uint8), np.array([[7, 26, 26]], np.uint8)
    >>> segbench.count_pairs(target, pred)[[7, 7, 26], [7, 26, 26]].tolist()
    [1, 1, 1]
    """
    _refuse_unlike(target, pred)
    pairs = np.zeros((256, 256), np.int64)
    if target.size:
        _count_runs(flat(target), flat(pred), pairs)
    return pairs


def count_corner(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64[R, K]: the top left corner of :func:`count_pairs` that holds all of its pixels.

    Label ids are small, so it is a hundredth of the whole; adding up and folding half a megabyte would cost more than counting does. It is
    counted in memory that each thread keeps.
    """
    _refuse_unlike(target, pred)
    if not target.size:
        return np.zeros((0, 0), np.int64)
    pairs: NDArray[np.int64] | None = getattr(_kept, "pairs", None)
    if pairs is None:
        pairs = _kept.pairs = np.zeros((256, 256), np.int64)
    _count_runs(flat(target), flat(pred), pairs)
    corner: NDArray[np.int64] = _take_corner(pairs)
    return corner


_kept = threading.local()


def _refuse_unlike(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> None:
    if target.dtype != np.uint8 or pred.dtype != np.uint8:
        raise TypeError(f"label maps are uint8, not {target.dtype} and {pred.dtype}")
    if target.shape != pred.shape:
        raise ValueError(f"target {target.shape} and prediction {pred.shape} differ in shape")


def flat(values: NDArray[Number]) -> NDArray[Number]:
    """All values in one row that cannot be written to; a kernel then meets a single type, and is compiled once."""
    row = np.ascontiguousarray(values).reshape(-1).view()
    row.flags.writeable = False
    return row


BUSY = 40  # changes in a block of 64 from which on counting pixels is faster than walking runs


@kernel
def _count_runs(target: NDArray[np.uint8], pred: NDArray[np.uint8], pairs: NDArray[np.int64]) -> None:
    start, x = 0, 1
    while x + LANES <= target.size:
        bits = changes(target, x) | changes(pred, x)
        if ones(bits) > BUSY:
            pairs[target[x - 1], pred[x - 1]] += x - start
            for each in range(x, x + LANES):
                pairs[target[each], pred[each]] += 1
            start = x + LANES
        else:
            while bits:
                end = x + lowest(bits)
                pairs[target[end - 1], pred[end - 1]] += end - start
                start = end
                bits &= bits - np.uint64(1)
        x += LANES
    for end in range(x, target.size):
        if target[end] != target[end - 1] or pred[end] != pred[end - 1]:
            pairs[target[end - 1], pred[end - 1]] += end - start
            start = end
    pairs[target[target.size - 1], pred[target.size - 1]] += target.size - start


@kernel
def _take_corner(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """A copy of the corner that holds everything; zeros are left behind."""
    rows, columns, used = 0, 0, np.zeros(256, np.int64)
    for row in range(256):
        any_here = np.int64(0)
        for column in range(256):
            any_here |= pairs[row, column]
        if any_here:
            rows = row + 1
            for column in range(256):
                used[column] |= pairs[row, column]
    for column in range(256):
        if used[column]:
            columns = column + 1
    corner = np.empty((rows, columns), np.int64)
    for row in range(rows):
        for column in range(columns):
            corner[row, column] = pairs[row, column]
            pairs[row, column] = 0
    return corner
