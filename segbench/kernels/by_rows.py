"""Kernels that look at every score of enlarged logits, shared out over threads by rows of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.kernels.bilinear import Grid, bilinear_axis
from segbench.kernels.upsampling import Size, shared_out

ROWS_PER_PIECE = 64
"""Whatever the threads, so that sums of fractions are rounded in the same order."""
Counts = TypeVar("Counts", bound=NDArray[Any])


def count_by_rows(
    rows_kernel: Callable[..., None],
    planes: NDArray[np.float32],
    arguments: Sequence[Any],
    sizes: tuple[Size, Size],
    grid: Grid,
    empty: Callable[[], Counts],
    rows: int = ROWS_PER_PIECE,
) -> Counts:
    """What a kernel adds to ``empty()`` arrays, of one image: the sum over pieces of so many ``rows``, from the first to the last.

    :param rows_kernel: takes the logits, the vertical axis (before, after, weight, next weight), the horizontal one (step, before, weight,
        next weight), the ``arguments``, the first row and the one behind the last, and the array.
    :param planes: float32[C, h, w].
    :param sizes: that to which the logits are interpolated, and that of the image, which is not larger.
    """
    enlarged, shown = sizes
    vertical, horizontal = (bilinear_axis(*lengths, grid) for lengths in zip(planes.shape[1:], enlarged, shown, strict=True))
    axes = (
        *(vertical.before, vertical.after, vertical.weight, vertical.next_weight),
        *(horizontal.step, horizontal.before, horizontal.weight, horizontal.next_weight),
    )

    def work(piece: tuple[int, int]) -> Counts:
        counts = empty()
        rows_kernel(planes, *axes, *arguments, *piece, counts)
        return counts

    pieces = [(first, min(first + rows, shown[0])) for first in range(0, shown[0], rows)]
    first, *others = shared_out(work, pieces, torch.get_num_threads())
    for counts in others:
        first += counts
    return first
