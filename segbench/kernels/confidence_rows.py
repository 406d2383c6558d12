"""Softmax of enlarged logits on a CPU, counted by confidence: a row at a time, so that no full-size probabilities are ever held.

A row of the enlarged logits is worked on in chunks of 64 pixels that stay in the first cache. Loops over a chunk have no branches, so
that LLVM makes blocks of them; what has branches is left to the few classes of which a chunk has more than a bin's width.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel
from segbench.kernels.confidence_bins import BINS, FINE, FINE_OCTAVES, FINE_PARTS, OCTAVES, OF_BINS, OF_CLASSES, OF_STEPS, PARTS, STEPS
from segbench.kernels.enlarged_rows import CHUNK, exponential, find_largest, mix_rows, spread_chunk

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

SMALLEST = np.float32(2.0**-23)
"""Probabilities of a network that gives probabilities are not taken for smaller in the NLL; those of a softmax need no such bound."""

_THRESHOLD, _ONE, _ZERO = np.float32(1 / BINS), np.float32(1), np.float32(0)


@kernel
def count_confidence_rows(
    logits: Floats,
    row_before: Ints,
    row_after: Ints,
    row_weight: Floats,
    row_next_weight: Floats,
    step: int,
    before: Ints,
    weight: Floats,
    next_weight: Floats,
    classes: Bytes,
    targets: Ints,
    probabilities: bool,
    scale: float,
    first: int,
    last: int,
    sums: Doubles,
) -> None:
    """Add what is counted in the rows ``first .. last - 1``.

    :param logits: float32[C, h, w], C at most 254; times ``scale`` they are what softmax is taken of. ``probabilities``: of them no softmax
        is taken, they are divided by their sum.
    :param row_before, row_after, row_weight, row_next_weight: the vertical axis, [H].
    :param step, before, weight, next_weight: the horizontal one, [W].
    :param classes: uint8[H, W] predicted class indices.
    :param targets: int32[H, W] target class indices; what is C or more is not evaluated.
    :param sums: float64[S], see :mod:`segbench.kernels.confidence_bins`.
    """
    count, width = logits.shape[0], classes.shape[1]
    mixed = np.empty((count, logits.shape[2]), np.float32)
    values, low = np.empty((count, CHUNK), np.float32), np.zeros((count, CHUNK), np.float32)
    factor = np.float32(scale)
    for y in range(first, last):
        u0, u1 = np.float32(row_weight[y] * factor), np.float32(row_next_weight[y] * factor)
        mix_rows(logits, row_before[y], row_after[y], u0, u1, mixed)
        low[:] = 0
        for start in range(0, width, CHUNK):
            size = min(CHUNK, width - start)
            spread_chunk(mixed, step, before, weight, next_weight, start, size, values)
            _count_chunk(values, low, size, classes[y, start : start + size], targets[y, start : start + size], probabilities, sums)
        for label in range(count):
            sums[OF_CLASSES + 2 * BINS * label] += low[label].sum()


@kernel
def _count_chunk(values: Floats, low: Floats, size: int, preds: Bytes, targets: Ints, probabilities: bool, sums: Doubles) -> None:
    """Count ``size`` pixels whose logits are ``values`` float32[C, CHUNK], which are overwritten.

    ``low`` float32[C, CHUNK]: probabilities in the first bin are added here.
    """
    count = values.shape[0]
    pred, target = np.empty(size, np.int32), np.empty(size, np.int32)
    total, rest, squares, at_target = (
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )
    largest, inverse = np.empty(size, np.float32), np.empty(size, np.float32)
    for x in range(size):
        pred[x], target[x] = preds[x], targets[x]
    if not probabilities:
        find_largest(values, size, largest)
    for label in range(count):
        value = values[label]
        if probabilities:
            for x in range(size):
                at_target[x] = value[x] if target[x] == label else at_target[x]
                value[x] = value[x] if value[x] > _ZERO else _ZERO
        else:
            for x in range(size):
                difference = value[x] - largest[x]
                at_target[x] = difference if target[x] == label else at_target[x]
                value[x] = exponential(difference)
        for x in range(size):
            total[x] += value[x]
            rest[x] += _ZERO if pred[x] == label else value[x]
    for x in range(size):
        inverse[x] = _ONE / total[x] if (target[x] < count) and (total[x] > _ZERO) else _ZERO
    for label in range(count):
        value, of_class = values[label], low[label]
        high = False
        for x in range(size):
            p = value[x] * inverse[x]
            squares[x] += p * p
            of_class[x] += p if p < _THRESHOLD else _ZERO
            high |= p >= _THRESHOLD
        if high:
            _count_class(value, inverse, sums[OF_CLASSES + 2 * BINS * label : OF_CLASSES + 2 * BINS * (label + 1)], size)
    _count_pixels(values, pred, target, total, rest, squares, at_target, inverse, probabilities, sums)


@kernel
def _count_class(value: Floats, inverse: Floats, of_class: Doubles, size: int) -> None:
    """Probabilities of a class that are not in the first bin."""
    for x in range(size):
        p = value[x] * inverse[x]
        if p >= _THRESHOLD:
            of_class[2 * _bin(p)] += p


@kernel
def _count_pixels(
    values: Floats,
    pred: Ints,
    target: Ints,
    total: Floats,
    rest: Floats,
    squares: Floats,
    at_target: Floats,
    inverse: Floats,
    probabilities: bool,
    sums: Doubles,
) -> None:
    """What is counted once in a pixel: its sums, its bin, its step, and the bin of its target."""
    product, logarithm, brier = 1.0, 0.0, 0.0
    for x in range(pred.size):
        label = target[x]
        if label >= values.shape[0]:
            continue
        p, q = values[label, x] * inverse[x], rest[x] * inverse[x]
        if probabilities:
            logarithm -= math.log(max(p, SMALLEST))
        else:
            product *= total[x]
            logarithm -= at_target[x]
        brier += np.float64(squares[x]) - 2 * np.float64(p) + 1
        confidence, hit = values[pred[x], x] * inverse[x], pred[x] == label
        place = OF_BINS + 3 * _bin(confidence)
        sums[0] += 1
        sums[place] += 1
        sums[place + 1] += hit
        sums[place + 2] += confidence
        place = OF_STEPS + 2 * _step(q)
        sums[place] += 1
        sums[place + 1] += not hit
        sums[OF_CLASSES + 2 * (BINS * label + _bin(p)) + 1] += 1
    sums[1] += logarithm + math.log(product)
    sums[2] += brier


@kernel
def _bin(p: float) -> int:
    return max(0, min(BINS - 1, int(p * np.float32(BINS)))) if p == p else 0


@kernel
def _step(q: Any) -> Any:
    """The step of what a probability leaves to 1, by the exponent and the first binary digits of the float32."""
    bits = np.float32(q).view(np.int32)
    octave = 126 - (bits >> 23)
    if octave >= OCTAVES:
        return 0
    if octave < 0:
        return STEPS - 1
    if octave < FINE_OCTAVES:
        return FINE + (FINE_OCTAVES - 1 - octave) * FINE_PARTS + ((bits >> 17) & 63)
    return (OCTAVES - 1 - octave) * PARTS + ((bits >> 19) & 15)
