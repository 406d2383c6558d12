"""Counting pairs of maps with 16 bits a pixel: 65 536 x 65 536 cells would be 34 GB, and of these few occur.

The values that occur in either map are numbered first, then pairs of numbers are counted in a table of that size, run by run::

    target      300 300 300 700 700        values 300, 700 -> 0, 1        table[0, 0] += 2, table[0, 1] += 1, ...
    prediction    5   5 812 812 812        values 5, 812   -> 0, 1

Maps with very many values (instance ids) have their pairs sorted instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel
from segbench.kernels.counting import flat

WORDS = 65_536
LARGEST = 1 << 22  # cells of the table: 32 MB


def count_wide(target: NDArray[np.uint16], pred: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells that occur, int64[K], ascending: 65 536 times the target's value, plus the predicted one; and the pixels of each, int64[K].

    :param target: uint16[H, W].
    :param pred: uint16[H, W], of the same shape.
    :raises TypeError: an array is not uint16.
    :raises ValueError: the shapes differ.
    """
    if target.dtype != np.uint16 or pred.dtype != np.uint16:
        raise TypeError(f"wide label maps are uint16, not {target.dtype} and {pred.dtype}")
    if target.shape != pred.shape:
        raise ValueError(f"target {target.shape} and prediction {pred.shape} differ in shape")
    rows, columns = flat(target), flat(pred)
    row_values, column_values = (np.flatnonzero(_occurring(values)) for values in (rows, columns))
    if len(row_values) * len(column_values) > LARGEST:
        cells, pixels = np.unique(rows.astype(np.int64) * WORDS + columns, return_counts=True)
        return cells, pixels.astype(np.int64)
    table = np.zeros((len(row_values), len(column_values)), np.int64)
    if rows.size:
        _count_numbered(rows, columns, _numbers(row_values), _numbers(column_values), table)
    found = table.nonzero()
    return row_values[found[0]] * WORDS + column_values[found[1]], table[found]


def _numbers(values: NDArray[np.intp]) -> NDArray[np.uint16]:
    numbers = np.zeros(WORDS, np.uint16)
    numbers[values] = np.arange(len(values))
    return numbers


@kernel
def _occurring(values: NDArray[np.uint16]) -> NDArray[np.bool_]:
    occurs = np.zeros(WORDS, np.bool_)
    for at in range(values.size):
        occurs[values[at]] = True
    return occurs


@kernel
def _count_numbered(
    target: NDArray[np.uint16],
    pred: NDArray[np.uint16],
    rows: NDArray[np.uint16],
    columns: NDArray[np.uint16],
    table: NDArray[np.int64],
) -> None:
    start = 0
    for end in range(1, target.size):
        if target[end] != target[end - 1] or pred[end] != pred[end - 1]:
            table[rows[target[start]], columns[pred[start]]] += end - start
            start = end
    table[rows[target[start]], columns[pred[start]]] += target.size - start
