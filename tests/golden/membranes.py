"""Pairs of masks that look like membranes, made of whole numbers alone, so that they are the same everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def membranes(seed: int, height: int = 48, width: int = 61) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells of a target and of a prediction that draws other widths, moves some corners and leaves gaps; seed 0 has no gaps."""
    numbers = iter(_numbers(seed + 1))
    corners = np.array([(next(numbers) % height, next(numbers) % width) for _ in range(9 + seed)])
    moved = corners + np.array([(next(numbers) % 5 - 2, next(numbers) % 5 - 2) for _ in corners])
    target, pred = _cells(corners, 40, height, width), _cells(moved, 20 + 25 * seed, height, width)
    for _ in range(2 * seed):
        y, x = next(numbers) % height, next(numbers) % width
        pred[y : y + 3, x : x + 3] = True
    return target, pred


def _cells(corners: NDArray[np.int64], gap: int, height: int, width: int) -> NDArray[np.bool_]:
    """Where one corner is nearer than every other by ``gap``, in squares of pixels."""
    y, x = np.mgrid[:height, :width]
    squares = np.sort((y[..., None] - corners[:, 0]) ** 2 + (x[..., None] - corners[:, 1]) ** 2, axis=-1)
    return np.asarray(squares[..., 1] - squares[..., 0] > gap)


def _numbers(state: int):  # type: ignore[no-untyped-def]
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 16
