"""Bilinear enlargement along one axis: which two pixels an output pixel lies between, and their weights.

A grid says where the n cells of a map lie among the N pixels that they are enlarged to; pixel i is at position ::

    half_pixel       (i + 0.5) * n / N - 0.5      every cell in the middle of its pixels: torch's align_corners=False
    align_corners    i * (n - 1) / (N - 1)        the first and the last cell on the first and the last pixel
    asymmetric       i * n / N                    every cell on the first of its pixels: labels that are every eighth pixel teach so

(the names are ONNX's). Behind the outermost cells their values go on.

The numbers are torch's, to the last bit: positions and weights are float32, and a position is rounded once, as its CPU kernel does (with a
fused multiply-add for half pixels). Torch has no ``asymmetric``; it is ``align_corners`` of a map whose last cell is repeated, enlarged to
N + 1 pixels. Then, with weights ``u`` of the rows and ``v`` of the columns, an output value is ::

    p = fma(top_left, v0, round(top_right * v1))
    q = fma(bottom_left, v0, round(bottom_right * v1))
    value = fma(p, u0, round(q * u1))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grid = Literal["half_pixel", "align_corners", "asymmetric"]
GRIDS: tuple[Grid, ...] = ("half_pixel", "align_corners", "asymmetric")


def grid_of(*, align_corners: bool) -> Grid:
    """The grid that torch's argument stands for."""
    return "align_corners" if align_corners else "half_pixel"


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


def bilinear_axis(length: int, enlarged: int, kept: int, grid: Grid = "half_pixel") -> Axis:
    """``length`` pixels brought to ``enlarged`` ones, of which the first ``kept`` are wanted."""
    position = _positions(length, enlarged, kept, grid)
    before = np.minimum(position.astype(np.int32), length - 1)
    next_weight = np.clip(position - before.astype(np.float32), np.float32(0), np.float32(1))
    step = int(length != enlarged)
    return Axis(step, before, np.minimum(before + np.int32(step), length - 1), np.float32(1) - next_weight, next_weight)


def _positions(length: int, enlarged: int, kept: int, grid: Grid) -> NDArray[np.float32]:
    """Where the first output pixels lie in a map of ``length``: float32[kept], 0 or more."""
    pixels = np.arange(kept, dtype=np.float64)  # in which every product and sum here is exact
    if grid == "half_pixel":
        scale = np.float64(np.float32(length) / np.float32(enlarged))
        return np.maximum((scale * (pixels + 0.5) - 0.5).astype(np.float32), np.float32(0))
    cells, ends = (length, enlarged) if grid == "asymmetric" else (length - 1, enlarged - 1)
    scale = np.float64(np.float32(cells) / np.float32(ends)) if ends else np.float64(0)
    return (scale * pixels).astype(np.float32)


def interpolate(plane: NDArray[np.float32], rows: Axis, columns: Axis) -> NDArray[np.float32]:
    """The enlargement float32[H, W] of a plane float32[h, w]: the formula above, plainly. The fused sums are computed in float64."""

    def mix(a: NDArray[np.float32], u0: NDArray[np.float32], b: NDArray[np.float32], u1: NDArray[np.float32]) -> NDArray[np.float32]:
        return (a.astype(np.float64) * u0 + b * u1).astype(np.float32)

    p, q = (
        mix(plane[r][:, columns.before], columns.weight, plane[r][:, columns.after], columns.next_weight) for r in (rows.before, rows.after)
    )
    return mix(p, rows.weight[:, None], q, rows.next_weight[:, None])
