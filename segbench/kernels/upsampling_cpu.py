"""Logits to class map on a CPU: bilinear enlargement and argmax in one pass, and no arithmetic where the answer is plain.

Between four neighbouring logit pixels (a *cell*) bilinear values are weighted means of the four corners. So a class can be the largest
somewhere in a cell only if its largest corner reaches the largest of all classes' smallest corners::

    class   corners            smallest  largest
    road    5.0 5.2 4.8 5.1      4.8       5.2      <- 4.8 is what must be reached
    walk    4.1 4.9 4.0 4.3      4.0       4.9      <- stays
    car    -2.0 0.3 1.1 0.7     -2.0       1.1      <- cannot win here

In nine of ten cells of real logits one class stays, and the cell (8x8 pixels at stride 8) is filled with it. The others, which lie in
strips along the borders of things, interpolate the classes that stay, 16 pixels at a time. Computed values differ from true means by
rounding, so a class must miss the mark by more than a tolerance to be dropped. Around NaN and infinite logits, of which no mean can be
said, the tolerance is no finite number and drops nothing.

The kernels that call each other share this file with their instructions on blocks of 16 numbers: numba's cache does not notice edits
elsewhere. The order of operations is that of :mod:`segbench.kernels.bilinear`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import cgutils as numba_cgutils
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

LANES = 16
"""Numbers in a block, and the slack that buffers need behind their last number."""

GROUP = 32
"""Output rows that are worked on together, at most: those between the same two rows of logits."""

TOLERANCE = np.float32(2.0**-19)
"""Of the sum of a cell's absolute logits. A computed value is less than six roundings off the true mean, each 2^-24 of the largest."""

SMALLEST = np.float32(1e-36)
"""Added to the tolerance: numbers near the smallest float lose digits."""

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic  # what it makes takes other arguments

cgutils: Any = numba_cgutils  # it has no types


@intrinsic
def _mix(context: Any, out: Any, x: Any, a: Any, b: Any, weight: Any, next_weight: Any, column: Any) -> Any:
    """``out[x:][:16] = fma(a, weight[column:], b * next_weight[column:])`` for two numbers a and b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, weight, next_weight = (_data(context, builder, signature, arguments, i) for i in (0, 4, 5))
        first, second = (_everywhere(builder, arguments[i]) for i in (2, 3))
        start = arguments[6]
        product = builder.fmul(second, _load(builder, next_weight, start))
        _store(builder, out, arguments[1], _fma(builder, first, _load(builder, weight, start), product))
        return context.get_dummy_value()

    return numba.void(out, x, a, b, weight, next_weight, column), generate


@intrinsic
def _largest(
    context: Any, out: Any, x: Any, p: Any, q: Any, at: Any, apart: Any, weight: Any, next_weight: Any, labels: Any, kept: Any
) -> Any:
    """``out[x:][:16]``: which of the first ``kept`` labels is the largest, or the first NaN.

    The values of label k are ``fma(p, weight, q * next_weight)`` from number ``at + k * apart`` on.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, p, q, labels = (_data(context, builder, signature, arguments, i) for i in (0, 2, 3, 8))
        weight, next_weight = _everywhere(builder, arguments[6]), _everywhere(builder, arguments[7])
        best_type, found_type = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(8), LANES)
        best = cgutils.alloca_once_value(builder, ir.Constant(best_type, [-math.inf] * LANES))
        found = cgutils.alloca_once_value(builder, ir.Constant(found_type, [0] * LANES))
        with cgutils.for_range(builder, arguments[9]) as loop:
            start = builder.add(arguments[4], builder.mul(loop.index, arguments[5]))
            value = _fma(builder, _load(builder, p, start), weight, builder.fmul(_load(builder, q, start), next_weight))
            old = builder.load(best)
            larger = builder.and_(builder.fcmp_unordered(">", value, old), builder.fcmp_ordered("ord", old, old))
            label = _everywhere(builder, builder.load(builder.gep(labels, [loop.index])))
            builder.store(builder.select(larger, value, old), best)
            builder.store(builder.select(larger, label, builder.load(found)), found)
        _store(builder, out, arguments[1], builder.load(found))
        return context.get_dummy_value()

    return numba.void(out, x, p, q, at, apart, weight, next_weight, labels, kept), generate


def _data(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    return context.make_array(signature.args[index])(context, builder, arguments[index]).data


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    fused = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, fused, f"llvm.fma.v{LANES}f32"), [a, b, c])


def _everywhere(builder: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))


def _load(builder: Any, data: Any, start: Any) -> Any:
    lanes = ir.VectorType(data.type.pointee, LANES)
    return builder.load(builder.bitcast(builder.gep(data, [start]), lanes.as_pointer()), align=1)


def _store(builder: Any, data: Any, start: Any, block: Any) -> None:
    builder.store(block, builder.bitcast(builder.gep(data, [start]), block.type.as_pointer()), align=1)


@kernel
def enlarge_rows(
    logits: Floats,
    row_before: Ints,
    row_after: Ints,
    row_weight: Floats,
    row_next_weight: Floats,
    step: int,
    cell_starts: Ints,
    weight: Floats,
    next_weight: Floats,
    classes: Bytes,
    first: int,
    last: int,
) -> None:
    """Write the rows ``first .. last - 1`` of the class map.

    :param logits: float32[C, h, w], C at most 256.
    :param row_before, row_after, row_weight, row_next_weight: the vertical axis, [H].
    :param step: from a column of logits to the next that counts, 1 or 0.
    :param cell_starts: int32[w + 1], the first output column of each cell, and the end of the last one.
    :param weight, next_weight: of the columns, [W + LANES].
    :param classes: uint8[H, W], written to.
    """
    count, _, width = logits.shape
    low, high, size = np.empty(width + 1, np.float32), np.empty(width + 1, np.float32), np.empty(width + 1, np.float32)
    largest, mark = np.empty((count, width), np.float32), np.empty(width, np.float32)
    staying, winner = np.empty(width, np.int32), np.empty(width, np.int32)
    room = classes.shape[1] + 2 * LANES
    p, q, labels = np.empty(count * room, np.float32), np.empty(count * room, np.float32), np.empty(count, np.uint8)
    rest = np.empty(LANES, np.uint8)
    y = first
    while y < last:
        top = row_before[y]
        end = y + 1
        while end < min(last, y + GROUP) and row_before[end] == top:
            end += 1
        bottom = row_after[y]
        _judge_cells(logits, top, bottom, low, high, size, largest, mark, staying, winner)
        _fill_plain_cells(cell_starts, staying, winner, classes[y])
        for row in range(y + 1, end):
            classes[row] = classes[y]
        cell = 0
        while cell < width:
            if staying[cell] == 1:
                cell += 1
                continue
            start = cell
            while cell < width and staying[cell] != 1:
                cell += 1
            if cell_starts[start] < cell_starts[cell]:
                left, right = cell_starts[start], cell_starts[cell]
                apart = right - left + LANES
                kept = 0
                for label in range(count):
                    if _stays_in_strip(largest, label, mark, start, cell):
                        _mix_strip(logits, label, top, start, cell, step, cell_starts, weight, next_weight, p, kept * apart)
                        _mix_strip(logits, label, bottom, start, cell, step, cell_starts, weight, next_weight, q, kept * apart)
                        labels[kept] = label
                        kept += 1
                for row in range(y, end):
                    _write_strip(p, q, apart, row_weight[row], row_next_weight[row], labels, kept, classes, row, left, right, rest)
        y = end


@kernel
def _judge_cells(
    logits: Floats,
    top: int,
    bottom: int,
    low: Floats,
    high: Floats,
    size: Floats,
    largest: Floats,
    mark: Floats,
    staying: Ints,
    winner: Ints,
) -> None:
    """For each cell between two rows of logits: the classes' largest corners, the mark to be reached, how many reach it, and the last one.

    ``low``, ``high`` and ``size`` are room for the columns of corners and one more. Several short loops, for LLVM gives up on making blocks
    of one with many arrays that might overlap.
    """
    count, _, width = logits.shape
    mark[:] = -np.inf
    size[:] = 0
    for label in range(count):
        above, below, of_label = logits[label, top], logits[label, bottom], largest[label]
        for x in range(width):
            a, b = above[x], below[x]
            low[x] = a if a < b else b
            high[x] = b if a < b else a
        low[width], high[width] = low[width - 1], high[width - 1]
        for x in range(width + 1):
            size[x] += abs(low[x]) + abs(high[x])  # a sum, for it stays NaN or infinite
        for x in range(width):
            of_label[x] = high[x] if high[x] > high[x + 1] else high[x + 1]
        for x in range(width):
            smallest = low[x] if low[x] < low[x + 1] else low[x + 1]
            mark[x] = smallest if smallest > mark[x] else mark[x]
    for x in range(width):
        mark[x] -= (size[x] + size[x + 1]) * TOLERANCE + SMALLEST
    staying[:] = 0
    for label in range(count):
        of_label = largest[label]
        for x in range(width):
            stays = not of_label[x] < mark[x]
            staying[x] += stays
            winner[x] = label if stays else winner[x]


@kernel
def _fill_plain_cells(cell_starts: Ints, staying: Ints, winner: Ints, row: Bytes) -> None:
    """Write the cells of a row in which one class stays, those of one class together."""
    cell = 0
    while cell < winner.size:
        start = cell
        cell += 1
        if staying[start] == 1:
            while cell < winner.size and staying[cell] == 1 and winner[cell] == winner[start]:
                cell += 1
            row[cell_starts[start] : cell_starts[cell]] = winner[start]


@kernel
def _stays_in_strip(largest: Floats, label: int, mark: Floats, start: int, stop: int) -> bool:
    """Whether a class reaches the mark in any of the cells."""
    reaches = False
    for cell in range(start, stop):
        reaches |= not largest[label, cell] < mark[cell]
    return reaches


@kernel
def _mix_strip(
    logits: Floats,
    label: int,
    row: int,
    start: int,
    stop: int,
    step: int,
    cell_starts: Ints,
    weight: Floats,
    next_weight: Floats,
    mixed: Floats,
    offset: int,
) -> None:
    """Interpolate a row of logits at the columns of the cells, in blocks that overwrite what the last one wrote too much."""
    offset -= cell_starts[start]
    for cell in range(start, stop):
        a, b = logits[label, row, cell], logits[label, row, min(cell + step, logits.shape[2] - 1)]
        for column in range(cell_starts[cell], cell_starts[cell + 1], LANES):
            _mix(mixed, offset + column, a, b, weight, next_weight, column)


@kernel
def _write_strip(
    p: Floats,
    q: Floats,
    apart: int,
    weight: float,
    next_weight: float,
    labels: Bytes,
    kept: int,
    classes: Bytes,
    row: int,
    left: int,
    right: int,
    rest: Bytes,
) -> None:
    """Write the largest class of the pixels of one output row. Blocks must not write beyond the strip: its rest takes a detour."""
    width = classes.shape[1]
    whole = (right - left) // LANES * LANES
    for x in range(0, whole, LANES):
        _largest(classes, row * width + left + x, p, q, x, apart, weight, next_weight, labels, kept)
    if left + whole < right:
        _largest(rest, 0, p, q, whole, apart, weight, next_weight, labels, kept)
        for x in range(right - left - whole):
            classes[row, left + whole + x] = rest[x]


@kernel
def largest_in_rows(logits: Floats, classes: Bytes, first: int, last: int) -> None:
    """Write the rows ``first .. last - 1`` of uint8[H, W]: the largest of float32[C, H, W] at each pixel, or the first NaN.

    The logits may have more rows and columns at the end.
    """
    count, width = logits.shape[0], classes.shape[1]
    best, found = np.empty(width, np.float32), np.empty(width, np.int32)
    for y in range(first, last):
        best[:] = logits[0, y, :width]
        found[:] = 0
        for label in range(1, count):
            row = logits[label, y]
            for x in range(width):
                value, old = row[x], best[x]
                larger = (not value <= old) and old == old
                best[x] = value if larger else old
                found[x] = label if larger else found[x]
        for x in range(width):
            classes[y, x] = found[x]
