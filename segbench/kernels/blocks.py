"""Blocks of 64 pixels: the alphabet of the fast paths over label maps, as numba intrinsics.

A label map is long runs of one value. Comparing 64 pixels with the 64 that begin one pixel earlier says where runs begin, all at once::

    row             7 7 7 7 7 26 26 26 11 11 ...
    shifted by one  . 7 7 7 7  7 26 26 26 11 ...
    changes         . 0 0 0 0  1  0  0  1  0 ...      64 bits; bit i is pixel start + i

Most blocks give 0: their run goes on, and nothing else has to be looked at. In the others the set bits are walked from the lowest up::

    bits = changes(row, start)
    while bits:
        x = start + lowest(bits)
        ...
        bits &= bits - np.uint64(1)

Each function here becomes a few instructions of portable LLVM IR on vectors of 64 numbers, which LLVM splits into what the processor has
(AVX-512, AVX2, SSE2, NEON). None checks a bound: a caller sees to it that the 64 numbers exist.

Numba's cache (``cache=True``) notices an edit of the file in which a kernel lies, but not of the files that the kernel uses. So there is no
kernel here, kernels that call each other share a file, and each file of kernels names the version of this one in a comment that a test
checks: an edit here forces an edit there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import extending

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic  # what it makes takes other arguments

LANES = 64
"""Numbers in a block, and the slack that :func:`fill` and :func:`add` may need behind the last number of an array."""


@intrinsic
def changes(context: Any, row: Any, start: Any) -> Any:
    """uint64: bit i is set where number ``start + i`` of a row differs from the one before. Reads ``start - 1 .. start + 63``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, start = _data(context, builder, signature, arguments, 0), arguments[1]
        lanes = _lanes(context, signature.args[0])
        here, before = _load(builder, row, start, lanes), _load(builder, row, builder.sub(start, start.type(1)), lanes)
        return builder.bitcast(builder.icmp_unsigned("!=", here, before), ir.IntType(LANES))

    return numba.uint64(row, start), generate


@intrinsic
def nonzero(context: Any, like: Any, data: Any, start: Any) -> Any:
    """uint64: bit i is set where number i of the block at byte ``start`` of ``data`` is not 0; numbers are as wide as those of ``like``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _lanes(context, signature.args[0])
        block = _load(builder, _data(context, builder, signature, arguments, 1), arguments[2], lanes)
        return builder.bitcast(builder.icmp_unsigned("!=", block, ir.Constant(lanes, None)), ir.IntType(LANES))

    return numba.uint64(like, data, start), generate


@intrinsic
def fill(context: Any, row: Any, start: Any, value: Any) -> Any:
    """Write ``value`` to the 64 numbers of a row from ``start`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _lanes(context, signature.args[0])
        value = arguments[2]
        if value.type.width > lanes.element.width:
            value = builder.trunc(value, lanes.element)
        _store(builder, _data(context, builder, signature, arguments, 0), arguments[1], _everywhere(builder, value))
        return context.get_dummy_value()

    return numba.void(row, start, value), generate


@intrinsic
def go_on(context: Any, row: Any, start: Any, value: Any, other: Any, copying: Any) -> Any:
    """``row[start:][:64] = row[other:][:64] if copying else value``, without a branch: which of the two comes cannot be predicted."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, lanes = _data(context, builder, signature, arguments, 0), _lanes(context, signature.args[0])
        value = arguments[2]
        if value.type.width > lanes.element.width:
            value = builder.trunc(value, lanes.element)
        chosen = _everywhere(builder, builder.sext(builder.icmp_unsigned("!=", arguments[4], arguments[4].type(0)), lanes.element))
        copied = builder.and_(_load(builder, row, arguments[3], lanes), chosen)
        block = builder.or_(copied, builder.and_(_everywhere(builder, value), builder.not_(chosen)))
        _store(builder, row, arguments[1], block)
        return context.get_dummy_value()

    return numba.void(row, start, value, other, copying), generate


@intrinsic
def add(context: Any, row: Any, start: Any, other: Any, data: Any, byte: Any) -> Any:
    """``row[start:][:64] = row[other:][:64] + data[byte:]``, byte by byte without carry; ``data`` holds big-endian numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, lanes = _data(context, builder, signature, arguments, 0), _lanes(context, signature.args[0])
        block = _load(builder, _data(context, builder, signature, arguments, 3), arguments[4], lanes)
        if lanes.element.width == 16:
            eight = ir.Constant(lanes, [8] * LANES)
            block = builder.or_(builder.shl(block, eight), builder.lshr(block, eight))
        as_bytes = ir.VectorType(ir.IntType(8), LANES * lanes.element.width // 8)
        block, other = builder.bitcast(block, as_bytes), builder.bitcast(_load(builder, row, arguments[2], lanes), as_bytes)
        _store(builder, row, arguments[1], builder.bitcast(builder.add(block, other), lanes))
        return context.get_dummy_value()

    return numba.void(row, start, other, data, byte), generate


@intrinsic
def lowest(context: Any, bits: Any) -> Any:
    """The position of the lowest set bit of a uint64 that is not 0."""
    return numba.int64(bits), lambda context, builder, signature, arguments: builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))


@intrinsic
def ones(context: Any, bits: Any) -> Any:
    """How many bits of a uint64 are set."""
    return numba.int64(bits), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


def _lanes(context: Any, array: Any) -> Any:
    return ir.VectorType(context.get_data_type(array.dtype), LANES)


def _data(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    return context.make_array(signature.args[index])(context, builder, arguments[index]).data


def _everywhere(builder: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))


def _load(builder: Any, data: Any, start: Any, lanes: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(data, [start]), lanes.as_pointer()), align=1)


def _store(builder: Any, data: Any, start: Any, block: Any) -> None:
    builder.store(block, builder.bitcast(builder.gep(data, [start]), block.type.as_pointer()), align=1)
