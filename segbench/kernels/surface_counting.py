"""Counting the boundary pixels of each class by their distance from the boundary of the same class in the other map.

A pixel of a class is a boundary pixel if one of its four neighbours is of another class, or lies outside of the image. Distances between
pixels are Euclidean and exact, as whole numbers: the square of a distance is the smallest sum over rows and columns::

    d^2(x, y) = min over rows v of  (y - v)^2 + min over boundary pixels u of row v of  (x - u)^2

This is the separable distance transform, evaluated where it is asked for. Boundary pixels are few, so those of each class and row are a
list in the order of their columns, in which the nearest one is found by halving; rows are tried from the nearest on, and only as far as
one can be nearer than what was found.

Void is transparent, and no boundary: a pixel beside void is none for that, and nothing of a prediction counts where the target is void.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel
from segbench.kernels.maps import require_two_maps

VOID = 255
MAX_TOLERANCE = 1 << 20
"""Pixels: no image is larger, and squares stay exact."""


def count_surfaces(
    target: NDArray[np.uint8],
    pred: NDArray[np.uint8],
    target_index: NDArray[np.uint8],
    pred_index: NDArray[np.uint8],
    classes: int,
    tolerances: Sequence[float],
) -> NDArray[np.int64]:
    """int64[C, 2 + 2 T]: boundary pixels of each class in the target, in the prediction, and by tolerance those of both that are near.

    Near: no farther than the tolerance from a boundary pixel of the class in the other map.

    :param target: uint8[H, W], ``target_index`` uint8[256] turns its bytes into class indices; ``classes`` or more is void.
    :param pred: uint8[H, W], likewise; ``classes`` or more is no class.
    :param tolerances: pixels.
    :raises ValueError: the shapes differ, there are more than 254 classes, or a tolerance is not in 0..2^20.
    """
    require_two_maps(target, pred)
    if classes >= VOID:
        raise ValueError(f"boundaries are counted of up to {VOID - 1} classes, not of {classes}")
    if wrong := [each for each in tolerances if not 0 <= each <= MAX_TOLERANCE]:
        raise ValueError(f"a tolerance is 0 to {MAX_TOLERANCE} pixels, not {wrong[0]}")
    table = np.zeros((classes, 2 + 2 * len(tolerances)), np.int64)
    if not target.size:
        return table
    of_target = np.where(target_index < classes, target_index, VOID).astype(np.uint8)[target]
    of_pred = np.minimum(pred_index, classes).astype(np.uint8)[pred]
    of_pred[of_target == VOID] = VOID
    limits = np.array([math.floor(each * each) for each in tolerances], np.int64)
    sides = [_boundary(each, classes) for each in (of_target, of_pred)]
    for at, (own, other) in enumerate((sides, sides[::-1])):
        table[:, at] = own[0][len(target) :: len(target)] - own[0][: -1 : len(target)]
        if len(limits):
            _count_near(*own, *other, len(target), limits, table[:, 2 + at :: 2])
    return table


def _boundary(codes: NDArray[np.uint8], classes: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The boundary pixels of a map of class indices: int32[K] their columns, by class and row; int64[C H + 1] where each list begins."""
    starts = np.zeros(classes * len(codes) + 1, np.int64)
    _count_boundary(codes, classes, starts)
    np.cumsum(starts, out=starts)
    columns = np.empty(int(starts[-1]), np.int32)
    _list_boundary(codes, classes, starts[:-1].copy(), columns)
    return starts, columns


@kernel
def _is_boundary(codes: Any, y: int, x: int) -> bool:
    height, width = codes.shape
    if y == 0 or x == 0 or y == height - 1 or x == width - 1:
        return True
    c = codes[y, x]
    above, below, left, right = codes[y - 1, x], codes[y + 1, x], codes[y, x - 1], codes[y, x + 1]
    return bool(
        (above != c and above != VOID) or (below != c and below != VOID) or (left != c and left != VOID) or (right != c and right != VOID)
    )


@kernel
def _count_boundary(codes: Any, classes: int, starts: Any) -> None:
    """How many boundary pixels each class has in each row, one place behind where its list will begin."""
    height, width = codes.shape
    for y in range(height):
        for x in range(width):
            if codes[y, x] < classes and _is_boundary(codes, y, x):
                starts[codes[y, x] * height + y + 1] += 1


@kernel
def _list_boundary(codes: Any, classes: int, ends: Any, columns: Any) -> None:
    height, width = codes.shape
    for y in range(height):
        for x in range(width):
            if codes[y, x] < classes and _is_boundary(codes, y, x):
                place = codes[y, x] * height + y
                columns[ends[place]] = x
                ends[place] += 1


@kernel
def _nearest(columns: Any, first: int, last: int, x: int, best: int) -> int:
    """The square of the distance from the nearest of some ascending columns, or ``best`` if that is less."""
    low, high = first, last
    while low < high:
        middle = (low + high) >> 1
        if columns[middle] < x:
            low = middle + 1
        else:
            high = middle
    if low < last:
        best = min(best, (columns[low] - x) * (columns[low] - x))
    if low > first:
        best = min(best, (columns[low - 1] - x) * (columns[low - 1] - x))
    return best


@kernel
def _count_near(starts: Any, columns: Any, other_starts: Any, others: Any, height: int, limits: Any, near: Any) -> None:
    most = limits.max()
    for place in range(len(starts) - 1):
        y = place % height
        for at in range(starts[place], starts[place + 1]):
            x, best = np.int64(columns[at]), most + 1
            for away in range(height):
                if away * away >= best:
                    break
                for row in (y - away, y + away):
                    if 0 <= row < height and (away > 0 or row == y):
                        there = place - y + row
                        left = best - away * away
                        best = away * away + _nearest(others, other_starts[there], other_starts[there + 1], x, left)
            for tolerance in range(len(limits)):
                if best <= limits[tolerance]:
                    near[place // height, tolerance] += 1
