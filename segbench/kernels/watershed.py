"""Regions of a mask: its connected components, and what they become when everything between them is thinned to a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

LINE = 0  # as in metrics/region_scores, which a kernel does not import, and which loads no numba for a number
_UNSEEN, _QUEUED = -1, -2


def connected_segments(cells: NDArray[np.bool_]) -> NDArray[np.int32]:
    """int32[H, W]: the components of cells that touch by sides, numbered from 1; 0 elsewhere."""
    numbers, _ = _components(np.ascontiguousarray(cells, dtype=np.bool_))
    return np.where(cells, numbers, LINE).astype(np.int32)


def thinned_segments(cells: NDArray[np.bool_]) -> NDArray[np.int32]:
    """int32[H, W]: the components of cells, grown into everything else until they meet; 0 on the lines where they do.

    The flooding of Vincent & Soille, "Watersheds in digital spaces", PAMI 1991, with neighbours by sides and from the cells outwards at the
    same pace. Which side of an even line a pixel goes to depends on the order of the queue, which is that of the challenge's script: by
    columns. Without any cells everything is one segment.
    """
    numbers, queue = _components(np.ascontiguousarray(cells, dtype=np.bool_))
    if not (numbers > 0).any():
        return np.ones(cells.shape, np.int32)
    _flood(numbers, queue)
    return np.asarray(numbers)


@kernel
def _components(cells):  # type: ignore[no-untyped-def]
    """Numbers from 1 on of components, :data:`_UNSEEN` elsewhere, int32[H, W]; and memory for a queue of pixels, int64[H * W]."""
    height, width = cells.shape
    numbers = np.full((height, width), _UNSEEN, np.int32)
    queue = np.empty(height * width, np.int64)
    last = 0
    for x in range(width):
        for y in range(height):
            if not cells[y, x] or numbers[y, x] != _UNSEEN:
                continue
            last += 1
            numbers[y, x] = last
            queue[0] = y * width + x
            head, tail = 0, 1
            while head < tail:
                j, i = divmod(queue[head], width)
                head += 1
                for v, u in ((j, i - 1), (j - 1, i), (j, i + 1), (j + 1, i)):
                    if 0 <= u < width and 0 <= v < height and cells[v, u] and numbers[v, u] == _UNSEEN:
                        numbers[v, u] = last
                        queue[tail] = v * width + u
                        tail += 1
    return numbers, queue


@kernel
def _flood(numbers, queue):  # type: ignore[no-untyped-def]
    """Number every pixel that is :data:`_UNSEEN`, in place."""
    height, width = numbers.shape
    tail = 0
    for x in range(width):
        for y in range(height):
            if numbers[y, x] != _UNSEEN:
                continue
            for v, u in ((y, x - 1), (y - 1, x), (y, x + 1), (y + 1, x)):
                if 0 <= u < width and 0 <= v < height and numbers[v, u] > LINE:
                    numbers[y, x] = _QUEUED
                    queue[tail] = y * width + x
                    tail += 1
                    break
    head = 0
    # Whether the last pixel that became a line did so beside a line, and not between two segments. The script keeps one for all pixels.
    beside_line = False
    while head < tail:
        y, x = divmod(queue[head], width)
        head += 1
        for v, u in ((y, x - 1), (y - 1, x), (y, x + 1), (y + 1, x)):
            if not (0 <= u < width and 0 <= v < height):
                continue
            mine, other = numbers[y, x], numbers[v, u]
            if other > LINE:
                if mine == _QUEUED or (mine == LINE and beside_line):
                    numbers[y, x] = other
                elif mine > LINE and mine != other:
                    numbers[y, x] = LINE
                    beside_line = False
            elif other == LINE:
                if mine == _QUEUED:
                    numbers[y, x] = LINE
                    beside_line = True
            elif other == _UNSEEN:
                numbers[v, u] = _QUEUED
                queue[tail] = v * width + u
                tail += 1
