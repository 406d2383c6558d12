"""Counting pairs by whether they lie near an edge of a class: what Boundary IoU and trimap IoU are made of.

Eroding one mask after another costs two passes over the image for each class. Instead, a pixel is *interior* if the window of
2 ``width`` + 1 pixels square around it holds one class, and every class comes out of one pass::

    runs       aaaaaaaabbbbbbb      stretches of equal (target, prediction), found by comparing a row with itself shifted by one
    windows    ..aaaa....bbb..      what a window of 5 pixels in this row holds: one class, or several (.)
    columns    00321004323222       how many more rows with the same window it takes until 5 are full; then the pixel 2 rows up is interior
    counts     each run adds its pixels to (near an edge of the target?, of the prediction?, target class, predicted class)

Only the third step touches every pixel: it has no branches, and runs on vectors of bytes. Void is transparent: a window of void and one
class holds that class, so the edge of a void region is no edge (:mod:`segbench.metrics.boundary_iou`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending
from numpy.typing import NDArray

from segbench.kernels.blocks import lowest, ones
from segbench.kernels.compiling import kernel
from segbench.kernels.maps import require_two_maps

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

Row = NDArray[Any]
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic  # what it makes takes other arguments

MAX_WIDTH = 32767  # a column's counter has at most 16 bits


def count_boundaries(
    target: NDArray[np.uint8],
    pred: NDArray[np.uint8],
    target_index: NDArray[np.uint8],
    pred_index: NDArray[np.uint8],
    classes: int,
    width: int,
    *,
    frame: bool = True,
) -> NDArray[np.int64]:
    """int64[2, 2, C, C+1]: confusion matrices of the pixels by (near an edge of the target, near an edge of the prediction).

    Their sum is the confusion matrix of the image, ``[1].sum(axis=0)`` that of the target's trimap.

    :param target: uint8[H, W], ``target_index`` uint8[256] turns its bytes into class indices; ``classes`` or more is void.
    :param pred: uint8[H, W], likewise; ``classes`` or more is no class.
    :param frame: whether the image's edge is an edge, as Boundary IoU has it.
    :raises ValueError: the shapes differ, or the width is not in 1..32767.
    """
    require_two_maps(target, pred)
    if not 1 <= width <= MAX_WIDTH:
        raise ValueError(f"a boundary's width is 1 to {MAX_WIDTH} pixels, not {width}")
    table = np.zeros((2, 2, classes, classes + 1), np.int64)
    if target.size:
        width = min(width, max(target.shape))  # beyond that nothing changes
        maps = np.ascontiguousarray(target), np.ascontiguousarray(pred)
        _count(*maps, target_index, pred_index, width, frame, _codes(width, classes), table)
    return table


def _codes(width: int, classes: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A full streak, and the labels for void, for a mixture and for nothing yet, in the type of all labels and counters.

    Bytes are twice as fast as 16 bits, and do unless the width or the number of classes is large.
    """
    full = 2 * width + 1
    if full < 256 and classes < 253:
        return np.array([full, 255, 254, 253], np.uint8)
    return np.array([full, 65535, 65534, 65533], np.uint16)


@intrinsic
def _nonzero(context: Any, row: Any, start: Any) -> Any:
    """uint64: bit i is set where number ``start + i`` of a row is not 0. Reads 64 numbers; a vector comparison on any processor."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        block = ir.VectorType(context.get_data_type(signature.args[0].dtype), 64)
        numbers = builder.load(builder.bitcast(builder.gep(array.data, [arguments[1]]), block.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned("!=", numbers, ir.Constant(block, None)), ir.IntType(64))

    return numba.uint64(row, start), generate


@intrinsic
def _one_less(context: Any, number: Any) -> Any:
    """An unsigned number less 1, but not less than 0, in its own type: numba would widen it, and vectors of it, to 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        return builder.select(builder.icmp_unsigned("==", value, value.type(0)), value, builder.sub(value, value.type(1)))

    return number(number), generate


@kernel
def _find_runs(
    target: Row, pred: Row, target_index: Row, pred_index: Row, classes: int, void_label: int, changes: Row, starts: Row, labels: Row
) -> int:
    """Runs of equal pairs in a row: where they start, and their labels (void in both where the target is). Returns how many."""
    size = target.size
    for x in range(size - 1):
        changes[x] = (target[x + 1] ^ target[x]) | (pred[x + 1] ^ pred[x])
    starts[0], runs = 0, 1
    for block in range(0, size, 64):
        bits = _nonzero(changes, block)
        while bits:
            starts[runs] = block + lowest(bits) + 1
            runs += 1
            bits &= bits - np.uint64(1)
    for run in range(runs):
        a, b = target_index[target[starts[run]]], pred_index[pred[starts[run]]]
        void = a >= classes
        labels[0, run] = void_label if void else a
        labels[1, run] = void_label if void else min(b, classes)
    starts[runs] = size
    return runs


@kernel
def _fill(windows: Row, start: int, end: int, label: int, width: int, frame: bool) -> None:
    """Label the windows that lie within a stretch of a row. Beyond the frame the stretch goes on if the frame is no edge."""
    first = 0 if start == 0 and not frame else start + width
    last = windows.size if end == windows.size and not frame else end - width
    if first < last:
        windows[first:last] = label


@kernel
def _find_windows(windows: Row, starts: Row, labels: Row, runs: int, width: int, frame: bool, void_label: int, mixed: int) -> None:
    """What each window of a row holds: a label, void alone, or a mixture. Void belongs to the labels on both of its sides."""
    windows[:] = mixed
    label, start, void = void_label, 0, -1  # the stretch that is open, and where the void at its end began (-1: it does not end in void)
    any_void = False
    for run in range(runs):
        if labels[run] == void_label:
            any_void = True
            void = starts[run] if void < 0 else void
        else:
            if labels[run] != label:
                if label != void_label:
                    _fill(windows, start, starts[run], label, width, frame)
                    start = void if void >= 0 else starts[run]
                label = labels[run]
            void = -1
    _fill(windows, start, windows.size, label, width, frame)
    if any_void:
        void = -1
        for run in range(runs + 1):
            if run < runs and labels[run] == void_label:
                void = starts[run] if void < 0 else void
            elif void >= 0:
                _fill(windows, void, starts[run], void_label, width, frame)
                void = -1


@kernel
def _add_row(windows: Row, labels: Row, missing: Row, missing_void: Row, full: int, void_label: int, mixed: int) -> None:
    """Count down, for each column, how many more rows of one label make it full, and of void alone at its end.

    Down, because a difference that stops at 0 is one instruction on a vector of bytes.
    """
    for x in range(windows.size):
        window, label, of_label, of_void = windows[x], labels[x], missing[x], missing_void[x]
        is_void = window == void_label
        fewer_void = _one_less(of_void)
        of_label = _one_less(of_label) if is_void or window == label else fewer_void
        missing[x] = of_label if window != mixed else full
        missing_void[x] = fewer_void if is_void else full
        labels[x] = label if is_void else window


@kernel
def _count_row(starts: Row, labels: Row, runs: int, void_label: int, edges: Row, table: NDArray[np.int64]) -> None:
    """Add the runs of a row to the table."""
    for run in range(runs):
        target, pred = labels[0, run], labels[1, run]
        if target != void_label:
            start, end = starts[run], starts[run + 1]
            first, second, both = 0, 0, 0
            for word in range(start >> 6, (end + 63) >> 6):
                bits = ~np.uint64(0)
                if start > word << 6:
                    bits &= ~np.uint64(0) << np.uint64(start & 63)
                if end < (word + 1) << 6:
                    bits &= ~(~np.uint64(0) << np.uint64(end & 63))
                a, b = edges[0, word] & bits, edges[1, word] & bits
                first += ones(a)
                second += ones(b)
                both += ones(a & b)
            table[0, 0, target, pred] += end - start - first - second + both
            table[0, 1, target, pred] += second - both
            table[1, 0, target, pred] += first - both
            table[1, 1, target, pred] += both


@kernel
def _count(
    target: NDArray[np.uint8], pred: NDArray[np.uint8], target_index: Row, pred_index: Row, width: int, frame: bool, codes: Row, table: Any
) -> None:
    height, size = target.shape
    full, void_label, mixed, nothing = codes
    words = (size + 63) // 64
    kept = min(width, height) + 1  # rows between the one that is read and the one that is counted
    starts = np.zeros((kept, size + 1), np.int64)
    runs = np.zeros(kept, np.int64)
    labels = np.zeros((kept, 2, size), codes.dtype)
    changes = np.zeros(64 * words, np.uint8)
    windows = np.zeros((2, size), codes.dtype)
    column_labels = np.full((2, size), nothing, codes.dtype)
    # Rows before the first: void where the frame is no edge.
    missing = np.full((2, 64 * words), full if frame else full - width, codes.dtype)
    missing_void = missing.copy()
    edges = np.zeros((2, words), np.uint64)
    for y in range(height + width):
        slot = y % kept
        if y < height:
            maps = target[y], pred[y], target_index, pred_index
            runs[slot] = _find_runs(*maps, table.shape[2], void_label, changes, starts[slot], labels[slot])
        for each in range(2):
            if y < height:
                _find_windows(windows[each], starts[slot], labels[slot, each], runs[slot], width, frame, void_label, mixed)
            elif y == height:
                windows[each] = mixed if frame else void_label
            _add_row(windows[each], column_labels[each], missing[each], missing_void[each], full, void_label, mixed)
            for word in range(words):
                edges[each, word] = _nonzero(missing[each], 64 * word)
        row = y - width
        if row >= 0:
            slot = row % kept
            _count_row(starts[slot], labels[slot], runs[slot], void_label, edges, table)
