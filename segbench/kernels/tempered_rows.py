"""The NLL of enlarged logits under several temperatures at once, on a CPU: a row at a time, and no full-size probabilities are ever held.

For an inverse temperature b the NLL of a pixel with logits x and target t is f(b) = log sum exp(b x) - b x_t, which is convex in b::

    f'(b)  = E x - x_t         f''(b) = E x^2 - (E x)^2        E under the softmax of b x

All are summed over the pixels. Logits are taken relative to their largest, which changes none of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel
from segbench.kernels.enlarged_rows import CHUNK, exponential, find_largest, mix_rows, spread_chunk

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_ZERO = np.float32(0)


@kernel
def count_tempered_rows(
    logits: Floats,
    row_before: Ints,
    row_after: Ints,
    row_weight: Floats,
    row_next_weight: Floats,
    step: int,
    before: Ints,
    weight: Floats,
    next_weight: Floats,
    targets: Ints,
    inverses: Floats,
    first: int,
    last: int,
    sums: NDArray[np.float64],
) -> None:
    """Add the pixels of the rows ``first .. last - 1``.

    :param logits: float32[C, h, w].
    :param row_before, row_after, row_weight, row_next_weight: the vertical axis, [H].
    :param step, before, weight, next_weight: the horizontal one, [W].
    :param targets: int32[H, W] target class indices; what is C or more is not evaluated.
    :param inverses: float32[G], what logits are multiplied by.
    :param sums: float64[1 + 3 G]: evaluated pixels, then f, f' and f'' of each.
    """
    count, width = logits.shape[0], targets.shape[1]
    mixed, values = np.empty((count, logits.shape[2]), np.float32), np.empty((count, CHUNK), np.float32)
    for y in range(first, last):
        mix_rows(logits, row_before[y], row_after[y], row_weight[y], row_next_weight[y], mixed)
        for start in range(0, width, CHUNK):
            size = min(CHUNK, width - start)
            spread_chunk(mixed, step, before, weight, next_weight, start, size, values)
            _count_chunk(values, size, targets[y, start : start + size], inverses, sums)


@kernel
def _count_chunk(values: Floats, size: int, target: Ints, inverses: Floats, sums: NDArray[np.float64]) -> None:
    count = values.shape[0]
    largest, at_target = np.empty(size, np.float32), np.zeros(size, np.float32)
    total, mean, square = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    find_largest(values, size, largest)
    for label in range(count):
        value = values[label]
        for x in range(size):
            value[x] -= largest[x]
            at_target[x] = value[x] if target[x] == label else at_target[x]
    for x in range(size):
        sums[0] += target[x] < count
    for index in range(inverses.size):
        inverse = inverses[index]
        total[:], mean[:], square[:] = 0, 0, 0
        for label in range(count):
            value = values[label]
            for x in range(size):
                power = exponential(value[x] * inverse)
                total[x] += power
                mean[x] += power * value[x]
                square[x] += power * value[x] * value[x]
        product, linear, slope, curve = 1.0, 0.0, 0.0, 0.0
        for x in range(size):
            if target[x] >= count:
                continue
            middle = np.float64(mean[x]) / total[x]
            product *= total[x]
            linear += at_target[x]
            slope += middle - at_target[x]
            curve += max(0.0, np.float64(square[x]) / total[x] - middle * middle)
        place = 1 + 3 * index
        sums[place] += math.log(product) - np.float64(inverse) * linear
        sums[place + 1] += slope
        sums[place + 2] += curve
