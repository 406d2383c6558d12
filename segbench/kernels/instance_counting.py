"""Counting what is predicted inside each instance, in one pass over runs of equal (instance, prediction).

Looking for the pixels of one instance after the other costs several passes over the image for each of them. Instead::

    instances   26 26 26 26001 26001 26001 26001 26002 26002 ...    above the divisor: an instance; the rest is passed over
    prediction  26 26 26    26    26    24    24    24    26 ...
    changes      .  0  0     1     0     1     0     1     1 ...    64 pixels at once, as in segbench.kernels.counting
    slots       26001 is 0, 26002 is 1, ...                          in the order in which they are met
    table       [0, 26] += 2, [0, 24] += 2, [1, 24] += 1, ...

An image with more instances than the table has slots is counted again with as many as it takes; slots are sorted at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.blocks import LANES, changes, lowest
from segbench.kernels.compiling import kernel
from segbench.kernels.counting import flat

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

FIRST = 64  # slots; more than most street scenes have instances


def count_by_instance(instances: NDArray[np.uint16], pred: NDArray[np.uint8], divisor: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Instances above ``divisor`` in ascending order, int64[K], and how many pixels of each predicted byte they have, int64[K, 256].

    :param instances: uint16[H, W].
    :param pred: uint8[H, W], of the same shape.
    :raises ValueError: the shapes differ.
    """
    if instances.shape != pred.shape:
        raise ValueError(f"instances {instances.shape} and prediction {pred.shape} differ in shape")
    if not instances.size:
        return np.zeros(0, np.int64), np.zeros((0, 256), np.int64)
    maps, slots = (flat(instances), flat(pred)), FIRST
    while True:
        values, table = np.zeros(slots, np.int64), np.zeros((slots, 256), np.int64)
        used = _count_runs(*maps, divisor, values, table)
        if used <= slots:
            order = np.argsort(values[:used])
            return values[order], table[order]
        slots = used


@kernel
def _count_runs(instances: Any, pred: Any, divisor: int, values: Any, table: Any) -> int:
    """Returns how many instances there are; those that find no slot are not counted."""
    slot_of = np.zeros(65536, np.uint16)  # plus 1
    used, start = 0, 0
    for block in range(1, instances.size + 1, LANES):
        if block + LANES <= instances.size:
            bits = changes(instances, block) | changes(pred, block)
        else:  # the last block is not full, and the last run ends where it does
            bits = np.uint64(1) << np.uint64(instances.size - block)
            for x in range(block, instances.size):
                if instances[x] != instances[x - 1] or pred[x] != pred[x - 1]:
                    bits |= np.uint64(1) << np.uint64(x - block)
        while bits:
            end = block + lowest(bits)
            value = int(instances[start])
            if value > divisor:
                slot = int(slot_of[value]) - 1
                if slot < 0:
                    slot = used
                    used += 1
                    slot_of[value] = used
                    if slot < values.size:
                        values[slot] = value
                if slot < values.size:
                    table[slot, pred[start]] += end - start
            start = end
            bits &= bits - np.uint64(1)
    return used
