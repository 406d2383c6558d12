"""Filters of images for corruptions: a weighted sum of shifted rows, a sum over a disk, and pixels that are overwritten by neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

Doubles = NDArray[np.float64]


@kernel
def filter_columns(padded: Doubles, weights: Doubles, out: Doubles) -> None:
    """``out[y] = sum_k weights[k] padded[y + k]``: float64[H + K - 1, W] to float64[H, W]."""
    for y in range(out.shape[0]):
        row = out[y]
        row[:] = 0
        for k in range(weights.size):
            weight, source = weights[k], padded[y + k]
            for x in range(row.size):
                row[x] += weight * source[x]


@kernel
def filter_plane(padded: Doubles, weights: Doubles, out: Doubles) -> None:
    """The same in both directions: float64[H + K - 1, W + K - 1] and weights [K, K] to float64[H, W]; weights of 0 are passed over."""
    for y in range(out.shape[0]):
        row = out[y]
        row[:] = 0
        for i in range(weights.shape[0]):
            source = padded[y + i]
            for j in range(weights.shape[1]):
                weight = weights[i, j]
                if weight != 0:
                    for x in range(row.size):
                        row[x] += weight * source[x + j]


@kernel
def scatter_pixels(image: NDArray[np.uint8], offsets: NDArray[Any], margin: int) -> None:
    """Overwrite every pixel of uint8[H, W, 3] by the one that int8[H, W, 2] (columns, rows) away lies, from the last to the first.

    The pixels of the margin are left, but the first row and column within it.
    """
    height, width, _ = image.shape
    for y in range(height - margin, margin, -1):
        for x in range(width - margin, margin, -1):
            across, down = offsets[y, x, 0], offsets[y, x, 1]
            for channel in range(3):
                image[y, x, channel] = image[y + down, x + across, channel]
