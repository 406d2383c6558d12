"""Label ids of the colours of a colour-coded map: from a PNG file's filtered rows, where nearly nothing happens, or from pixels.

A map drawn in 30 colours is three bytes a pixel of what one byte says. So its rows are never made into colours: each pixel is the id of its
colour from the start. A row of ids is written as :mod:`segbench.images.unfilter` writes one, and only at an *event*, where a residual
is not 0 or the row above turns to another colour, a colour is predicted, added to its residual, and looked up. What is true of a byte
there is true here of three side by side, or of four: where there is alpha, it is 255 everywhere, or this is not the way to read the map.

A colour is looked up in a table of 1024 slots by a hash. One that is not in it ends everything: such a map is refused, and who refuses it
looks for all of its colours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from segbench.images.buffers import borrow
from segbench.kernels.blocks import LANES, changes, fill, go_on, intrinsic, lowest, nonzero
from segbench.kernels.compiling import kernel

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

SLACK = 4 * LANES
"""Bytes behind filtered rows that are read, and whose values do not matter."""

LEAD = 2 * LANES
"""Bytes by which filtered rows must be more than a row of ids ahead of the ids in one memory: writing never overtakes reading."""

BITS = 10  # of a slot's number
EMPTY = -1
FACTOR = 2654435769  # of Fibonacci hashing: 2^32 by the golden ratio
UNKNOWN, DONE = -2, -1
OPAQUE = 255 << 24
EVERY = np.uint64(2**64 - 1)

NONE, SUB, UP, AVERAGE, PAETH = range(5)

Color = tuple[int, int, int]
Layout = tuple[int, ...]
"""As many numbers as a pixel has bytes: for each length kernels are compiled anew, with that length as a constant."""

RGB, RGBA = (0,) * 3, (0,) * 4


class _Table(NamedTuple):
    """``slots`` int64[1024]: colour << 8 | id, or :data:`EMPTY`. ``colors`` int64[256]: the colour of an id; red is in its lowest byte."""

    slots: NDArray[np.int64]
    colors: NDArray[np.int64]


class ColorIds:
    """The ids 0..255 of colours, each of which has its own.

    ``unused``: an id that no colour has, or ``None`` where all are taken.
    """

    def __init__(self, ids: Mapping[Color, int]) -> None:
        self.ids = ids
        self.unused = next((number for number in range(256) if number not in ids.values()), None)
        colors = {number: red | green << 8 | blue << 16 for (red, green, blue), number in ids.items()}
        self.tables = {RGB: _table(colors), RGBA: _table({number: OPAQUE | color for number, color in colors.items()})}


def _table(colors: Mapping[int, int]) -> _Table:
    slots, color_of = np.full(1 << BITS, EMPTY, np.int64), np.zeros(256, np.int64)
    for number, color in colors.items():
        slot = (color * FACTOR & 0xFFFFFFFF) >> (32 - BITS)
        while slots[slot] != EMPTY:
            slot = (slot + 1) % len(slots)
        slots[slot], color_of[number] = color << 8 | number, color
    return _Table(slots, color_of)


def ids_of_rows(
    raw: NDArray[np.uint8], out: NDArray[np.uint8], size: tuple[int, int], layout: Layout, table: ColorIds
) -> NDArray[np.uint8] | None:
    """uint8[H, W], a view of ``out``: the ids of the colours that filtered rows stand for; ``None``: a colour has none, or some alpha.

    :param raw: uint8[N + 256]: H rows of 1 + I W bytes, N in all, then anything; a pixel has I bytes.
    :param out: uint8[(H + 1) W + 64], C-contiguous; all of it may be overwritten. It may lie in the same memory if ``raw`` begins
        W + :data:`LEAD` bytes behind its beginning.
    :param size: (H, W).
    :raises ValueError: a buffer is of another size, or a row has a filter that does not exist.
    """
    height, width = size
    if raw.size != height * (1 + len(layout) * width) + SLACK or out.size != (height + 1) * width + LANES:
        raise ValueError(f"{raw.size} and {out.size} bytes are not {height} rows of {width} pixels")
    above = table.ids.get((0, 0, 0), table.unused) if layout == RGB else table.unused
    if above is None:
        return None
    out[:width] = above  # the row above the first, of pixels whose bytes are all 0
    row = _ids_of_rows(raw, out, width, height, layout, *table.tables[layout])
    if row >= 0:
        raise ValueError(f"row {row} has a filter that does not exist")
    ids = out[width : (height + 1) * width].reshape(size)
    # Where the first row goes on as the one above it, nothing was looked up.
    return None if row == UNKNOWN or (ids[0] == table.unused).any() else ids


def ids_of_pixels(pixels: NDArray[np.uint8], table: ColorIds) -> NDArray[np.uint8] | None:
    """uint8[H, W]: the ids of colours uint8[H, W, 3], C-contiguous; ``None``: a colour has none."""
    size = pixels.shape[:2]
    out = borrow(math.prod(size))[: math.prod(size)]
    return out.reshape(size) if _put_ids(pixels.reshape(-1), 0, out, 0, out.size, RGB, table.tables[RGB].slots) else None


def ids_of_indices(indices: NDArray[np.uint8], palette: NDArray[np.uint8], table: ColorIds) -> NDArray[np.uint8] | None:
    """uint8[H, W]: the ids of colours in a palette uint8[256, 4], by indices uint8[H, W], C-contiguous; ``None``: a colour has none."""
    out = borrow(indices.size + LANES)
    ids = np.array([table.ids.get((red, green, blue), -1) for red, green, blue, _ in palette.tolist()], np.int16)
    return out[: indices.size].reshape(indices.shape) if _ids_of_indices(indices.reshape(-1), out, ids) else None


@kernel
def _id_of(slots: Any, color: int) -> Any:
    """The id of a colour, or less than 0."""
    slot = (color * FACTOR & 0xFFFFFFFF) >> (32 - BITS)
    while slots[slot] >> 8 != color:
        if slots[slot] == EMPTY:
            return -1
        slot = (slot + 1) & ((1 << BITS) - 1)
    return slots[slot] & 255


@kernel
def _color(data: Any, byte: int, layout: Layout) -> Any:
    color = np.int64(data[byte]) | np.int64(data[byte + 1]) << 8 | np.int64(data[byte + 2]) << 16
    return color | np.int64(data[byte + 3]) << 24 if len(layout) == 4 else color


@kernel
def _plus(a: int, b: int) -> int:
    """The sums of four pairs of bytes, without a carry between them."""
    return ((a & 0x7F7F7F7F) + (b & 0x7F7F7F7F)) ^ ((a ^ b) & 0x80808080)


@kernel
def _mean(a: int, b: int) -> int:
    """The means of four pairs of bytes, rounded down."""
    return (a & b) + (((a ^ b) & 0xFEFEFEFE) >> 1)


@kernel
def _paeth(left: int, above: int, above_left: int) -> int:
    color = 0
    for shift in range(0, 32, 8):
        a, b, c = left >> shift & 255, above >> shift & 255, above_left >> shift & 255
        smaller, larger = min(a, b), max(a, b)
        u, v = max(c - smaller, 0), max(larger - c, 0)
        nearest = larger if 2 * u <= v else c
        nearest = smaller if 2 * v <= u else nearest
        color |= nearest << shift
    return color


@kernel
def _upto(bits: Any, count: int) -> Any:
    """The lowest ``count`` bits."""
    return bits & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)) if count < LANES else bits


@kernel
def _every_third(bits: Any) -> Any:
    """Bits 0, 3, 6, ... 60 side by side."""
    bits &= np.uint64(0x1249249249249249)
    bits = (bits | bits >> np.uint64(2)) & np.uint64(0x10C30C30C30C30C3)
    bits = (bits | bits >> np.uint64(4)) & np.uint64(0x100F00F00F00F00F)
    bits = (bits | bits >> np.uint64(8)) & np.uint64(0x001F0000FF0000FF)
    bits = (bits | bits >> np.uint64(16)) & np.uint64(0x001F00000000FFFF)
    return (bits | bits >> np.uint64(32)) & np.uint64(0x00000000001FFFFF)


@kernel
def _every_fourth(bits: Any) -> Any:
    """Bits 0, 4, 8, ... 60 side by side."""
    bits &= np.uint64(0x1111111111111111)
    bits = (bits | bits >> np.uint64(3)) & np.uint64(0x0303030303030303)
    bits = (bits | bits >> np.uint64(6)) & np.uint64(0x000F000F000F000F)
    bits = (bits | bits >> np.uint64(12)) & np.uint64(0x000000FF000000FF)
    return (bits | bits >> np.uint64(24)) & np.uint64(0x000000000000FFFF)


@kernel
def _pixels(layout: Layout, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Which of 64 pixels have a bit in the masks of their bytes: of 21 pixels each and the last one, or of 16 pixels each."""
    if len(layout) == 3:
        first |= first >> np.uint64(1) | first >> np.uint64(2)
        second |= second >> np.uint64(1) | second >> np.uint64(2)
        third |= third >> np.uint64(1) | third >> np.uint64(2)
        last = np.uint64(fourth != 0)
        return _every_third(first) | _every_third(second) << np.uint64(21) | _every_third(third) << np.uint64(42) | last << np.uint64(63)
    first |= first >> np.uint64(1)
    second |= second >> np.uint64(1)
    third |= third >> np.uint64(1)
    fourth |= fourth >> np.uint64(1)
    lower = _every_fourth(first | first >> np.uint64(2)) | _every_fourth(second | second >> np.uint64(2)) << np.uint64(16)
    upper = _every_fourth(third | third >> np.uint64(2)) | _every_fourth(fourth | fourth >> np.uint64(2)) << np.uint64(16)
    return lower | upper << np.uint64(32)


@kernel
def _residuals(out: Any, raw: Any, byte: int, layout: Layout, count: int) -> Any:
    """Of 64 residuals from a byte on, those of the first ``count`` that are not 0."""
    first, second, third = nonzero(out, raw, byte), nonzero(out, raw, byte + 64), nonzero(out, raw, byte + 128)
    fourth = nonzero(out, raw, byte + 192) if len(layout) == 4 else third >> np.uint64(61)
    if not first | second | third | fourth:
        return np.uint64(0)
    if len(layout) == 3:
        second, third = nonzero(out, raw, byte + 63), nonzero(out, raw, byte + 126)
    return _upto(_pixels(layout, first, second, third, fourth), count)


@kernel
def _turns(raw: Any, byte: int, layout: Layout, count: int) -> Any:
    """Of 64 pixels from a byte on, those of the first ``count`` that differ from the one before."""
    item = len(layout)
    first, second, third = _unlike(raw, byte, item), _unlike(raw, byte + 64, item), _unlike(raw, byte + 128, item)
    fourth = _unlike(raw, byte + 192, item) if item == 4 else third >> np.uint64(61)
    if not first | second | third | fourth:
        return np.uint64(0)
    if item == 3:
        second, third = _unlike(raw, byte + 63, item), _unlike(raw, byte + 126, item)
    return _upto(_pixels(layout, first, second, third, fourth), count)


@intrinsic
def _unlike(context: Any, data: Any, byte: Any, before: Any) -> Any:
    """uint64: bit i is set where byte ``byte + i`` of an array differs from the one that stands ``before`` bytes before it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, lanes = context.make_array(signature.args[0])(context, builder, arguments[0]).data, ir.VectorType(ir.IntType(8), LANES)

        def load(start: Any) -> Any:
            return builder.load(builder.bitcast(builder.gep(data, [start]), lanes.as_pointer()), align=1)

        here, there = load(arguments[1]), load(builder.sub(arguments[1], arguments[2]))
        return builder.bitcast(builder.icmp_unsigned("!=", here, there), ir.IntType(LANES))

    return numba.uint64(data, byte, before), generate


@kernel
def _none_row(raw: Any, byte: int, out: Any, start: int, width: int, layout: Layout, slots: Any) -> bool:
    item, left = len(layout), _id_of(slots, _color(raw, byte, layout))
    if left < 0:
        return False
    out[start] = left
    for block in range(1, width, LANES):
        events = _turns(raw, byte + item * block, layout, width - block)
        fill(out, start + block, left)
        while events:
            x = block + lowest(events)
            left = _id_of(slots, _color(raw, byte + item * x, layout))
            if left < 0:
                return False
            fill(out, start + x, left)
            events &= events - np.uint64(1)
    return True


@kernel
def _put_ids(data: Any, byte: int, out: Any, start: int, count: int, layout: Layout, slots: Any) -> bool:
    """The ids of colours that stand side by side, of which most are like the one before; False: a colour has none."""
    item, last, number = len(layout), -1, 0
    for x in range(count):
        color = _color(data, byte + item * x, layout)
        if color != last:
            last, number = color, _id_of(slots, color)
            if number < 0:
                return False
        out[start + x] = number
    return True


@kernel
def _sub_row(raw: Any, byte: int, out: Any, start: int, width: int, layout: Layout, slots: Any) -> bool:
    item, color = len(layout), _color(raw, byte, layout)
    left = _id_of(slots, color)
    if left < 0:
        return False
    out[start] = left
    for block in range(1, width, LANES):
        events = _residuals(out, raw, byte + item * block, layout, width - block)
        fill(out, start + block, left)
        while events:
            x = block + lowest(events)
            color = _plus(_color(raw, byte + item * x, layout), color)
            left = _id_of(slots, color)
            if left < 0:
                return False
            fill(out, start + x, left)
            events &= events - np.uint64(1)
    return True


@kernel
def _up_row(raw: Any, byte: int, out: Any, start: int, width: int, layout: Layout, slots: Any, colors: Any) -> bool:
    item, above = len(layout), start - width
    for block in range(0, width, LANES):
        events = _residuals(out, raw, byte + item * block, layout, width - block)
        go_on(out, start + block, 0, above + block, True)
        while events:
            x = block + lowest(events)
            number = _id_of(slots, _plus(_color(raw, byte + item * x, layout), colors[out[above + x]]))
            if number < 0:
                return False
            out[start + x] = number
            events &= events - np.uint64(1)
    return True


@kernel
def _average_row(raw: Any, byte: int, out: Any, start: int, width: int, layout: Layout, slots: Any, colors: Any) -> bool:
    """Number by number, but for blocks without events in which the colour above is the one on the left."""
    item, above, left, left_color = len(layout), start - width, -1, 0
    for block in range(0, width, LANES):
        end = min(block + LANES, width)
        residuals = _residuals(out, raw, byte + item * block, layout, end - block)
        if left == out[above + block] and not residuals and not _upto(changes(out, above + block), end - block) & ~np.uint64(1):
            fill(out, start + block, left)
            continue
        for x in range(block, end):
            color = _plus(_color(raw, byte + item * x, layout), _mean(left_color, colors[out[above + x]]))
            if color != left_color or left < 0:
                left, left_color = _id_of(slots, color), color
                if left < 0:
                    return False
            out[start + x] = left
    return True


@kernel
def _paeth_row(raw: Any, byte: int, out: Any, start: int, width: int, layout: Layout, slots: Any, colors: Any) -> bool:
    """``color`` is that on the left of an event; while the row goes as the one above it is read from there."""
    item, above = len(layout), start - width
    color = _plus(_color(raw, byte, layout), colors[out[above]])
    left = _id_of(slots, color)
    if left < 0:
        return False
    out[start] = left
    as_above = left == out[above]
    for block in range(1, width, LANES):
        residuals = _residuals(out, raw, byte + item * block, layout, width - block)
        turns = _upto(changes(out, above + block), width - block)
        events = residuals if as_above else residuals | turns
        go_on(out, start + block, left, above + block, as_above)
        while events:
            bit = lowest(events)
            x = block + bit
            above_left = colors[out[above + x - 1]]
            predicted = _paeth(above_left if as_above else color, colors[out[above + x]], above_left)
            color = _plus(_color(raw, byte + item * x, layout), predicted)
            left = _id_of(slots, color)
            if left < 0:
                return False
            as_above = left == out[above + x]
            go_on(out, start + x, left, above + x, as_above)
            events = (residuals if as_above else residuals | turns) & EVERY << np.uint64(bit) << np.uint64(1)
    return True


@kernel
def _ids_of_rows(raw: Any, out: Any, width: int, height: int, layout: Layout, slots: Any, colors: Any) -> int:
    """Rows are written in order: what a block writes beyond its row is overwritten by the next row.

    Returns the first row whose filter does not exist, or :data:`UNKNOWN` at the first colour without an id, or :data:`DONE`.
    """
    for y in range(height):
        byte, start = y * (1 + len(layout) * width) + 1, (y + 1) * width
        kind, known = raw[byte - 1], True
        if kind == UP:
            known = _up_row(raw, byte, out, start, width, layout, slots, colors)
        elif kind == NONE:
            known = _none_row(raw, byte, out, start, width, layout, slots)
        elif kind == AVERAGE:
            known = _average_row(raw, byte, out, start, width, layout, slots, colors)
        elif kind == SUB:
            known = _sub_row(raw, byte, out, start, width, layout, slots)
        elif kind == PAETH:
            known = _paeth_row(raw, byte, out, start, width, layout, slots, colors)
        else:
            return y
        if not known:
            return UNKNOWN
    return DONE


@kernel
def _ids_of_indices(indices: Any, out: Any, ids: Any) -> bool:
    """Blocks of 64 copies of the id of an index, which begin again wherever another index begins."""
    number = ids[indices[0]]
    out[0] = number
    done = 1 + (indices.size - 1) // LANES * LANES
    for block in range(1, done, LANES):
        events = changes(indices, block)
        fill(out, block, number)
        while events:
            x = block + lowest(events)
            number = ids[indices[x]]
            if number < 0:
                return False
            fill(out, x, number)
            events &= events - np.uint64(1)
    for x in range(done, indices.size):
        number = ids[indices[x]]
        if number < 0:
            return False
        out[x] = number
    return bool(ids[indices[0]] >= 0)
