"""Enlarged logits on a CPU, a row at a time, in chunks that stay in the first cache: what kernels that look at every score share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

CHUNK = 64
"""Pixels; the product of so many sums of up to 256 exponentials is no more than a float64 holds."""

_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_HALF = np.float32(0.5)
_P = tuple(np.float32(1 / math.factorial(n)) for n in range(7))
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = _P
_LOWEST = np.float32(-87)


@kernel
def mix_rows(logits: Floats, before: int, after: int, weight: Any, next_weight: Any, mixed: Floats) -> None:
    """Write float32[C, w], the mixture of two rows of logits float32[C, h, w]."""
    for label in range(logits.shape[0]):
        above, below, row = logits[label, before], logits[label, after], mixed[label]
        for x in range(row.size):
            row[x] = above[x] * weight + below[x] * next_weight


@kernel
def spread_chunk(
    mixed: Floats, step: int, before: Ints, weight: Floats, next_weight: Floats, start: int, size: int, values: Floats
) -> None:
    """Write ``size`` pixels of an enlarged row from ``start`` on to float32[C, CHUNK]; the arguments are those of a horizontal axis."""
    for label in range(mixed.shape[0]):
        row, value = mixed[label], values[label]
        if step == 0:
            for x in range(size):
                value[x] = row[start + x]
        else:
            for x in range(size):
                at = before[start + x]
                after = min(at + 1, row.size - 1)
                value[x] = row[at] * weight[start + x] + row[after] * next_weight[start + x]


@kernel
def find_largest(values: Floats, size: int, largest: Floats) -> None:
    """Write the largest of the logits float32[C, CHUNK] of each of ``size`` pixels."""
    for x in range(size):
        largest[x] = values[0, x]
    for label in range(1, values.shape[0]):
        value = values[label]
        for x in range(size):
            largest[x] = value[x] if value[x] > largest[x] else largest[x]


@kernel
def exponential(x: Any) -> Any:
    """Of a float32 that is 0 or less, good to 2^-23: 2^n times a polynomial of degree six. Below -87, where floats end, that of -87."""
    x = x if x > _LOWEST else _LOWEST
    whole = np.int32(x * _LOG2_E - _HALF)
    n = np.float32(whole)
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    series = _P0 + r * (_P1 + r * (_P2 + r * (_P3 + r * (_P4 + r * (_P5 + r * _P6)))))
    return series * np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)
