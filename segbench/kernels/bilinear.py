"""Bilinear enlargement along one axis (``align_corners=False``): which two pixels an output pixel lies between, and their weights.

The numbers are torch's, to the last bit: positions and weights are float32, and ``scale * (i + 0.5) - 0.5`` is rounded once, as the fused
multiply-add of its CPU kernel does. Then, with weights ``u`` of the rows and ``v`` of the columns, an output value is ::

    p = fma(top_left, v0, round(top_right * v1))
    q = fma(bottom_left, v0, round(bottom_right * v1))
    value = fma(p, u0, round(q * u1))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Axis:
    """For each output pixel the pixels before and after it, int32, and their weights, float32.

    The last pixel is its own next one. So is every pixel (``step`` is 0, not 1) where the length stays, or a NaN would spread.
    """

    step: int
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    weight: NDArray[np.float32]
    next_weight: NDArray[np.float32]


def bilinear_axis(length: int, enlarged: int, kept: int) -> Axis:
    """``length`` pixels brought to ``enlarged`` ones, of which the first ``kept`` are wanted."""
    scale = np.float32(length) / np.float32(enlarged)
    middles = np.arange(kept, dtype=np.float64) + 0.5
    position = np.maximum((np.float64(scale) * middles - 0.5).astype(np.float32), np.float32(0))  # exact in float64 where it is positive
    before = np.minimum(position.astype(np.int32), length - 1)
    next_weight = np.clip(position - before.astype(np.float32), np.float32(0), np.float32(1))
    step = int(length != enlarged)
    return Axis(step, before, np.minimum(before + np.int32(step), length - 1), np.float32(1) - next_weight, next_weight)


def interpolate(plane: NDArray[np.float32], rows: Axis, columns: Axis) -> NDArray[np.float32]:
    """The enlargement float32[H, W] of a plane float32[h, w]: the formula above, plainly. The fused sums are computed in float64."""

    def mix(a: NDArray[np.float32], u0: NDArray[np.float32], b: NDArray[np.float32], u1: NDArray[np.float32]) -> NDArray[np.float32]:
        return (a.astype(np.float64) * u0 + b * u1).astype(np.float32)

    p, q = (
        mix(plane[r][:, columns.before], columns.weight, plane[r][:, columns.after], columns.next_weight) for r in (rows.before, rows.after)
    )
    return mix(p, rows.weight[:, None], q, rows.next_weight[:, None])
