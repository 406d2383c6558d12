"""Scores of anomaly of enlarged logits on a CPU, counted by bins: a row at a time, so that no full-size scores are ever held.

With r the sum of exp(x - max x) over all classes but that of the largest logit, 1 - max p is r / (1 + r) and the entropy is
log(1 + r) + sum (max x - x) exp(x - max x) / (1 + r): both keep all their digits where a network is sure and r is next to nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.anomaly_bins import BINS, CUT, HALF, LOWEST, LOWEST_SIGNED
from segbench.kernels.compiling import kernel
from segbench.kernels.enlarged_rows import CHUNK, exponential, mix_rows, spread_chunk

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_ZERO, _ONE = np.float32(0), np.float32(1)
_MAX_SOFTMAX, _MAX_LOGIT, _ENTROPY, _ENERGY = (2 * BINS * score for score in range(4))


@kernel
def count_anomaly_rows(
    logits: Floats,
    row_before: Ints,
    row_after: Ints,
    row_weight: Floats,
    row_next_weight: Floats,
    step: int,
    before: Ints,
    weight: Floats,
    next_weight: Floats,
    roles: Bytes,
    probabilities: bool,
    temperature: float,
    first: int,
    last: int,
    counts: NDArray[np.int64],
) -> None:
    """Add the pixels of the rows ``first .. last - 1``.

    :param logits: float32[C, h, w]; divided by ``temperature`` they are what softmax is taken of. ``probabilities``: they are divided by
        their sum instead, and have neither a largest logit nor an energy.
    :param row_before, row_after, row_weight, row_next_weight: the vertical axis, [H].
    :param step, before, weight, next_weight: the horizontal one, [W].
    :param roles: uint8[H, W]: 0 known, 1 anomaly, 2 left out.
    :param counts: int64[LENGTH], see :mod:`segbench.kernels.anomaly_bins`.
    """
    count, width = logits.shape[0], roles.shape[1]
    mixed, values = np.empty((count, logits.shape[2]), np.float32), np.empty((count, CHUNK), np.float32)
    for y in range(first, last):
        mix_rows(logits, row_before[y], row_after[y], row_weight[y], row_next_weight[y], mixed)
        for start in range(0, width, CHUNK):
            size = min(CHUNK, width - start)
            role = roles[y, start : start + size]
            any_counts = False
            for x in range(size):
                any_counts |= role[x] < 2
            if not any_counts:
                continue
            spread_chunk(mixed, step, before, weight, next_weight, start, size, values)
            if probabilities:
                _count_probabilities(values, size, role, counts)
            else:
                _count_logits(values, size, role, temperature, counts)


@kernel
def _count_logits(values: Floats, size: int, role: Bytes, temperature: float, counts: NDArray[np.int64]) -> None:
    count, inverse = values.shape[0], np.float32(1 / temperature)
    top, most = 1 - 1 / count, math.log(count)
    largest, best = np.empty(size, np.float32), np.zeros(size, np.int32)
    rest, spread = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for x in range(size):
        largest[x] = values[0, x]
    for label in range(1, count):
        value = values[label]
        for x in range(size):
            best[x] = label if value[x] > largest[x] else best[x]
            largest[x] = value[x] if value[x] > largest[x] else largest[x]
    for label in range(count):
        value = values[label]
        for x in range(size):
            difference = (value[x] - largest[x]) * inverse
            power = _ZERO if best[x] == label else exponential(difference)
            rest[x] += power
            spread[x] -= power * difference
    for x in range(size):
        if role[x] > 1:
            continue
        place = BINS * role[x]
        total, logarithm = _ONE + rest[x], math.log1p(rest[x])
        counts[_MAX_SOFTMAX + place + _bin(rest[x] / total, top)] += 1
        counts[_MAX_LOGIT + place + _signed_bin(_ZERO - largest[x])] += 1
        counts[_ENTROPY + place + _bin(logarithm + spread[x] / total, most)] += 1
        counts[_ENERGY + place + _signed_bin(0.0 - (largest[x] + temperature * logarithm))] += 1


@kernel
def _count_probabilities(values: Floats, size: int, role: Bytes, counts: NDArray[np.int64]) -> None:
    count = values.shape[0]
    top, most = 1 - 1 / count, math.log(count)
    for x in range(size):
        if role[x] > 1:
            continue
        largest, best = values[0, x], 0
        for label in range(1, count):
            if values[label, x] > largest:
                largest, best = values[label, x], label
        rest, spread = 0.0, 0.0
        for label in range(count):
            value = np.float64(values[label, x])
            if label != best and value > 0:
                ratio = value / largest
                rest += ratio
                spread -= ratio * math.log(ratio)
        place = BINS * role[x]
        if largest > 0:
            counts[_MAX_SOFTMAX + place + _bin(rest / (1 + rest), top)] += 1
            counts[_ENTROPY + place + _bin(math.log1p(rest) + spread / (1 + rest), most)] += 1
        else:  # no class is probable at all
            counts[_MAX_SOFTMAX + place + _bin(top, top)] += 1
            counts[_ENTROPY + place + _bin(most, most)] += 1


@kernel
def _bin(value: Any, top: float) -> Any:
    """Of a score from 0 to ``top``."""
    left = top - value
    bits: Any = np.float32(value / left if left > 0 else 1e6 * value).view(np.int32)
    return max(0, min(BINS - 1, (bits >> CUT) - LOWEST))


@kernel
def _signed_bin(value: Any) -> Any:
    bits: Any = np.float32(value).view(np.int32)
    magnitude: Any = max(0, min(HALF - 1, ((bits & 0x7FFFFFFF) >> CUT) - LOWEST_SIGNED))
    return HALF - 1 - magnitude if bits < 0 else HALF + magnitude
