"""Undoing PNG's filters on a photograph: eight rows side by side, each two pixels behind the one above it.

A filter stores each byte as its difference (a *residual*) from a prediction made of its neighbours, left, above and above left. In a
photograph nearly every residual counts, and each pixel waits for the one on its left, which is a dozen instructions that wait for each
other. But a row need not wait until the row above is complete. So eight of them go along like stairs, and a step computes one pixel of
each, in one vector of eight pixels::

    row 0    0 1 2 3 4 5 6              step 6: pixel 6 of row 0, pixel 4 of row 1, pixel 2 of row 2, pixel 0 of row 3
    row 1    0 1 2 3 4
    row 2    0 1 2                      left:   the vector of the step before
    row 3    0                          above:  the vector of two steps before, moved on by one row; row 0 reads the row above it

Being two pixels behind and not one, a row finds the pixel above computed while it was busy with its left one. Every row has a filter of
its own, so all are computed and masks choose. Numbers are bytes throughout: that of a pixel of 1 to 4 bytes stands in 4, and what stands
in the others disturbs nobody.

Paeth predicts that of left, above and above left which is nearest to ``left + above - above left``. If above left lies between the other
two, *u* above the smaller and *v* below the larger, this is the larger where 2u <= v, the smaller where 2v <= u, else above left. Where it
lies outside, u or v is taken as 0, and the same two comparisons are right again.

See PNG (ISO/IEC 15948), chapter 9. Label maps, of which most residuals are 0, have :mod:`segbench.images.unfilter`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import cgutils as numba_cgutils
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

ROWS = 8
"""How many go along side by side."""

BEHIND = 2
"""Pixels by which a row is behind the one above it."""

FIRST = BEHIND * (ROWS - 1)
"""The step in which the last of the rows begins; before it, and after the first has ended, rows compute what nobody reads."""

SLACK = 64
"""Bytes before and behind filtered rows that are read, and whose values do not matter: :data:`FIRST` pixels, and the rest of one."""

LOWEST_UNKNOWN = 5  # the filters are None, Sub, Up, Average and Paeth
SUB, UP, AVERAGE, PAETH = range(1, LOWEST_UNKNOWN)

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic  # what it makes takes other arguments

cgutils: Any = numba_cgutils  # it has no types

INT64, PIXEL, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)
PIXELS, BYTES = ir.VectorType(PIXEL, ROWS), ir.VectorType(BYTE, 4 * ROWS)


def unfilter_photograph(raw: NDArray[np.uint8], out: NDArray[np.uint8], item: int, colors: NDArray[np.uint8]) -> None:
    """Write the pixels that filtered rows stand for to ``out``, uint8[H, W, 3], C-contiguous.

    :param raw: uint8[64 + N + 64], C-contiguous: anything, H rows of 1 + ``item`` W bytes, anything. ``out`` may lie in the same memory if
        it does not begin behind ``raw`` and ``item`` is at least 3.
    :param item: bytes of a pixel: 3 or 4, of which the first three are its colour, or 1 or 2, of which the first stands for a colour.
    :param colors: uint8[256, 4]: for 1 or 2 bytes a pixel the colour of each byte, in the first three.
    :raises ValueError: ``raw`` is of another size, or a row has a filter that does not exist.
    """
    height, width, _ = out.shape
    if height < 1 or width < 1 or raw.size != height * (1 + width * item) + 2 * SLACK:
        raise ValueError(f"{raw.size} bytes are not {height} rows of {width} pixels of {item} bytes")
    if (row := _unfilter(raw, out.reshape(-1), _ring(width, item), colors.view(np.uint32).reshape(-1), width, item)) >= 0:
        raise ValueError(f"row {row} has a filter that does not exist")


def _ring(width: int, item: int) -> NDArray[np.uint8]:
    """Room for the row above, which is 0 at first, and for the rows that are computed, with slack before, between and behind them."""
    return np.zeros(SLACK + (1 + ROWS) * (width * item + SLACK), np.uint8)


@kernel
def _unfilter(raw: Any, out: Any, ring: Any, colors: Any, width: int, item: int) -> int:
    """The first row whose filter does not exist, else -1."""
    step, pitch, height = 1 + width * item, width * item + SLACK, out.size // (3 * width)
    for y in range(0, height, ROWS):
        last = min(ROWS, height - y) - 1
        for row in range(y, y + last + 1):
            if raw[SLACK + row * step] >= LOWEST_UNKNOWN:
                return row
        _stairs(raw, SLACK + y * step, step, last, ring, pitch, width, item)
        for k in range(last + 1):
            _put_row(out, 3 * width * (y + k), ring, SLACK + (k + 1) * pitch, colors, width, item)
        _copy(ring, SLACK, ring, SLACK + ROWS * pitch, width * item)
    return -1


@kernel
def _put_row(out: Any, to: int, ring: Any, at: int, colors: Any, width: int, item: int) -> None:
    """A row of pixels of ``item`` bytes as one of three bytes. Four are written, of which the next pixel overwrites the last."""
    if item == 3:
        _copy(out, to, ring, at, 3 * width)
        return
    for x in range(width - 1):
        _put(out, to + 3 * x, _get(ring, at + 4 * x) if item == 4 else colors[ring[at + item * x]])
    final = np.empty(1, np.uint32)
    final[0] = _get(ring, at + 4 * (width - 1)) if item == 4 else colors[ring[at + item * (width - 1)]]
    _copy(out, to + 3 * (width - 1), final.view(np.uint8), 0, 3)


@intrinsic
def _stairs(context: Any, raw: Any, filters: Any, step: Any, last: Any, ring: Any, pitch: Any, width: Any, item: Any) -> Any:
    """Compute rows 1 to 8 of a ring from its row 0 and from filtered rows, ``step`` bytes apart, the first of which begins at ``filters``.

    Of filtered rows only those up to ``last`` exist. In place of those behind it the last is taken again, and means nothing.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        raw, ring = (_data(context, builder, signature, arguments, index) for index in (0, 4))
        filters, step, last, _, pitch, width, item = arguments[1:]
        rows = [builder.add(filters, builder.mul(step, _smaller(builder, INT64(k), last))) for k in range(ROWS)]
        sources = [builder.gep(raw, [builder.add(row, INT64(1))]) for row in rows]
        targets = [builder.gep(ring, [builder.add(INT64(SLACK), builder.mul(pitch, INT64(k)))]) for k in range(ROWS + 1)]
        masks = _masks(builder, [builder.load(builder.gep(raw, [row])) for row in rows])
        state = [cgutils.alloca_once_value(builder, ir.Constant(BYTES, None)) for _ in range(3)]

        def advance(index: Any, begun: Any = None) -> None:
            first = builder.mul(item, index)
            bytes_of = [builder.sub(first, builder.mul(item, INT64(BEHIND * k))) for k in range(ROWS)]
            left, left_before, above_left = map(builder.load, state)
            entering = _pixels(builder, {ROWS - 1: _address(builder, targets[0], first)})
            above = _behind(builder, entering, left_before)
            residual = _pixels(builder, {k: _address(builder, sources[k], bytes_of[k]) for k in range(ROWS)})
            row = builder.add(residual, _prediction(builder, left, above, above_left, masks))
            if begun is not None:
                row = builder.and_(row, begun)
            for place, value in zip(state, (row, left, above), strict=True):
                builder.store(value, place)
            pixels = builder.bitcast(row, PIXELS)
            for k in range(ROWS):
                builder.store(builder.extract_element(pixels, PIXEL(k)), _address(builder, targets[k + 1], bytes_of[k]), align=1)

        with cgutils.for_range_slice(builder, INT64(0), INT64(FIRST), INT64(1)) as (index, _):
            advance(index, _begun(builder, index))
        with cgutils.for_range_slice(builder, INT64(FIRST), builder.add(width, INT64(FIRST)), INT64(1)) as (index, _):
            advance(index)
        return context.get_dummy_value()

    return numba.void(raw, filters, step, last, ring, pitch, width, item), generate


def _prediction(builder: Any, left: Any, above: Any, above_left: Any, masks: dict[int, Any]) -> Any:
    """Of every byte, by the filter of its row."""
    larger, smaller = _larger(builder, left, above), _smaller(builder, left, above)
    u, v = _saturating(builder, "usub", above_left, smaller), _saturating(builder, "usub", larger, above_left)
    nearer_larger = builder.icmp_unsigned("<=", _saturating(builder, "uadd", u, u), v)
    nearer_smaller = builder.icmp_unsigned("<=", _saturating(builder, "uadd", v, v), u)
    paeth = builder.select(nearer_smaller, smaller, builder.select(nearer_larger, larger, above_left))
    half = builder.lshr(builder.xor(left, above), ir.Constant(BYTES, [1] * BYTES.count))
    average = builder.add(builder.and_(left, above), half)
    prediction = builder.and_(masks[PAETH], paeth)
    for kind, value in ((SUB, left), (UP, above), (AVERAGE, average)):
        prediction = builder.or_(prediction, builder.and_(masks[kind], value))
    return prediction


def _masks(builder: Any, filters: list[Any]) -> dict[int, Any]:
    """By filter: all bits of the rows that have it."""
    masks = {}
    for kind in (SUB, UP, AVERAGE, PAETH):
        mask = ir.Constant(PIXELS, None)
        for k, each in enumerate(filters):
            mask = builder.insert_element(mask, builder.sext(builder.icmp_unsigned("==", each, BYTE(kind)), PIXEL), PIXEL(k))
        masks[kind] = builder.bitcast(mask, BYTES)
    return masks


def _begun(builder: Any, index: Any) -> Any:
    """All bits of the rows that have begun when a step is made."""
    steps = builder.insert_element(ir.Constant(PIXELS, None), builder.trunc(index, PIXEL), PIXEL(0))
    steps = builder.shuffle_vector(steps, steps, ir.Constant(PIXELS, None))
    begun = builder.icmp_signed(">=", steps, ir.Constant(PIXELS, [BEHIND * k for k in range(ROWS)]))
    return builder.bitcast(builder.sext(begun, PIXELS), BYTES)


def _behind(builder: Any, entering: Any, rows: Any) -> Any:
    """The last pixel of ``entering``, then all but the last of ``rows``."""
    order = ir.Constant(PIXELS, list(range(ROWS - 1, 2 * ROWS - 1)))
    moved = builder.shuffle_vector(builder.bitcast(entering, PIXELS), builder.bitcast(rows, PIXELS), order)
    return builder.bitcast(moved, BYTES)


def _pixels(builder: Any, addresses: dict[int, Any]) -> Any:
    pixels = ir.Constant(PIXELS, None)
    for k, address in addresses.items():
        pixels = builder.insert_element(pixels, builder.load(address, align=1), PIXEL(k))
    return builder.bitcast(pixels, BYTES)


def _address(builder: Any, start: Any, byte: Any) -> Any:
    return builder.bitcast(builder.gep(start, [byte]), PIXEL.as_pointer())


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_unsigned(">", a, b), a, b)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_unsigned("<", a, b), a, b)


def _saturating(builder: Any, operation: str, a: Any, b: Any) -> Any:
    name = f"llvm.{operation}.sat.v{BYTES.count}i8"
    return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(BYTES, [BYTES, BYTES]), name), [a, b])


@intrinsic
def _get(context: Any, data: Any, at: Any) -> Any:
    """The uint32 at any byte of an array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(builder, _data(context, builder, signature, arguments, 0), arguments[1]), align=1)

    return numba.uint32(data, at), generate


@intrinsic
def _put(context: Any, data: Any, at: Any, value: Any) -> Any:
    """Write a uint32 to any byte of an array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(builder, _data(context, builder, signature, arguments, 0), arguments[1]), align=1)
        return context.get_dummy_value()

    return numba.void(data, at, value), generate


@intrinsic
def _copy(context: Any, out: Any, to: Any, data: Any, at: Any, count: Any) -> Any:
    """``out[to:][:count] = data[at:][:count]``, which must not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, data = (_data(context, builder, signature, arguments, index) for index in (0, 2))
        cgutils.raw_memcpy(builder, builder.gep(out, [arguments[1]]), builder.gep(data, [arguments[3]]), arguments[4], 1)
        return context.get_dummy_value()

    return numba.void(out, to, data, at, count), generate


def _data(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    return context.make_array(signature.args[index])(context, builder, arguments[index]).data
