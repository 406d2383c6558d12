"""Undoing PNG's filters on a label map, where nearly nothing happens.

A filter stores each number as its difference (a *residual*) from a prediction made of its neighbours, left, above and above left. In label
maps over 99 % of the residuals are 0, and then most filters just repeat the number on the left. So a row is written in blocks of 64 copies
of the current number, and arithmetic is done at *events* alone::

    above      7 7 7 7 7 7 7 26 26 26 26
    residuals  0 0 0 0 0 4 0  0  0  0  0
    events     *         *    *               residual not 0; for Paeth also: above differs from above left
    row        7 7 7 7 7 11 11 26 26 26 26

Between events this is exact, not a guess: Sub predicts the left number, and Paeth predicts it where above equals above left (then
``left + above - aboveleft`` is ``left``). Where left equals above left, Paeth predicts the number above, for the same reason: a row that
goes as the one above is copied from there, and has events at residuals alone. Up and None need no left number, and add whole blocks.
Average is computed number by number, but for blocks without events in which its prediction has settled on the left number.

Numbers are bytes, or 16 bits of two bytes that are predicted each for itself; see PNG (ISO/IEC 15948), chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.blocks import LANES, add, changes, fill, go_on, lowest, nonzero
from segbench.kernels.compiling import kernel

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

SLACK = LANES
"""Numbers by which both buffers are longer than what they hold: blocks go beyond the end."""

LEAD = 2 * SLACK
"""Numbers by which filtered rows must be ahead of the map in one memory: writing never overtakes reading."""

EVERY = np.uint64(2**64 - 1)

NONE, SUB, UP, AVERAGE, PAETH = range(5)


def unfilter(raw: NDArray[np.uint8], out: NDArray[Any], width: int, height: int, above: NDArray[Any] | None = None) -> NDArray[Any]:
    """[H, W] in the type of ``out``, and a view of it: the numbers that filtered rows stand for.

    :param raw: uint8[N + 64 I] for numbers of I bytes: ``height`` rows of 1 + I ``width`` bytes, N in all, then anything.
    :param out: uint8 or uint16[(height + 1) ``width`` + 64], C-contiguous; all of it may be overwritten. It may lie in the same memory if
        ``raw`` begins ``width`` + :data:`LEAD` numbers behind its beginning: each number is then written where the caches have just been.
    :param above: [W], the row above the first; none, and so zeros, where a picture begins.
    :raises ValueError: a buffer is too small, or a row has a filter that does not exist.
    """
    if width < 1 or height < 1 or raw.size < height * (1 + width * out.itemsize) + LANES * out.itemsize:
        raise ValueError(f"{raw.size} bytes are too few for {height} rows of {width} numbers")
    if out.size < (height + 1) * width + LANES:
        raise ValueError(f"{out.size} numbers are too little room for {height} rows of {width}")
    out[:width] = 0 if above is None else above
    if (row := _unfilter(raw, out, width, height)) >= 0:
        raise ValueError(f"row {row} has a filter that does not exist")
    return out[width : (height + 1) * width].reshape(height, width)


@kernel
def _residual(raw: Any, byte: int, wide: bool) -> Any:
    return np.uint32(raw[byte]) << 8 | np.uint32(raw[byte + 1]) if wide else np.uint32(raw[byte])


@kernel
def _plus(a: Any, b: Any) -> Any:
    """The sums of two pairs of bytes, without a carry between them."""
    return ((a & 0x7F7F) + (b & 0x7F7F)) ^ ((a ^ b) & 0x8080)


@kernel
def _mean(a: Any, b: Any) -> Any:
    """The means of two pairs of bytes, rounded down."""
    return (a & b) + (((a ^ b) & 0xFEFE) >> 1)


@kernel
def _paeth_byte(left: int, above: int, above_left: int) -> int:
    far_left, far_above, far_both = abs(above - above_left), abs(left - above_left), abs(left + above - 2 * above_left)
    if far_left <= far_above and far_left <= far_both:
        return left
    return above if far_above <= far_both else above_left


@kernel
def _paeth(left: Any, above: Any, above_left: Any, wide: bool) -> Any:
    low = _paeth_byte(np.int32(left & 255), np.int32(above & 255), np.int32(above_left & 255))
    if wide:
        low |= _paeth_byte(np.int32(left >> 8), np.int32(above >> 8), np.int32(above_left >> 8)) << 8
    return np.uint32(low)


@kernel
def _add_row(raw: Any, byte: int, out: Any, start: int, above: int, width: int) -> None:
    for x in range(0, width, LANES):
        add(out, start + x, above + x, raw, byte + x * out.itemsize)


@kernel
def _upto(bits: Any, count: int) -> Any:
    """The lowest ``count`` bits."""
    return bits & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)) if count < LANES else bits


@kernel
def _sub_row(raw: Any, byte: int, out: Any, start: int, width: int) -> None:
    wide = out.itemsize == 2
    left = _plus(_residual(raw, byte, wide), np.uint32(0))
    out[start] = left
    for block in range(1, width, LANES):
        events = _upto(nonzero(out, raw, byte + block * out.itemsize), width - block)
        fill(out, start + block, left)
        while events:
            x = block + lowest(events)
            left = _plus(_residual(raw, byte + x * out.itemsize, wide), left)
            fill(out, start + x, left)
            events &= events - np.uint64(1)


@kernel
def _paeth_row(raw: Any, byte: int, out: Any, start: int, width: int) -> None:
    """``left`` is the number on the left of an event; while the row goes as the one above it is read from there."""
    wide, above = out.itemsize == 2, start - width
    left = _plus(_residual(raw, byte, wide), np.uint32(out[above]))
    out[start] = left
    as_above = left == np.uint32(out[above])
    for block in range(1, width, LANES):
        residuals = _upto(nonzero(out, raw, byte + block * out.itemsize), width - block)
        turns = _upto(changes(out, above + block), width - block)
        events = residuals if as_above else residuals | turns
        go_on(out, start + block, left, above + block, as_above)
        while events:
            bit = lowest(events)
            x = block + bit
            above_left = np.uint32(out[above + x - 1])
            left = above_left if as_above else left
            left = _plus(_residual(raw, byte + x * out.itemsize, wide), _paeth(left, np.uint32(out[above + x]), above_left, wide))
            as_above = left == np.uint32(out[above + x])
            go_on(out, start + x, left, above + x, as_above)
            events = (residuals if as_above else residuals | turns) & EVERY << np.uint64(bit) << np.uint64(1)
        left = np.uint32(out[above + block + LANES - 1]) if as_above else left


@kernel
def _average_row(raw: Any, byte: int, out: Any, start: int, width: int) -> None:
    wide, above = out.itemsize == 2, start - width
    left = np.uint32(0)
    for block in range(0, width, LANES):
        end = min(block + LANES, width)
        if block > 0 and end == block + LANES and _mean(left, np.uint32(out[above + block])) == left:
            events = nonzero(out, raw, byte + block * out.itemsize) | changes(out, above + block) & ~np.uint64(1)
            if not events:
                fill(out, start + block, left)
                continue
        for x in range(block, end):
            left = _plus(_residual(raw, byte + x * out.itemsize, wide), _mean(left, np.uint32(out[above + x])))
            out[start + x] = left


@kernel
def _unfilter(raw: Any, out: Any, width: int, height: int) -> int:
    """Rows, the one above the first being 0, are written in order: what a block writes beyond its row is overwritten by the next row.

    Returns the first row whose filter does not exist, else -1.
    """
    for y in range(height):
        byte, start = y * (1 + width * out.itemsize) + 1, (y + 1) * width
        kind = raw[byte - 1]
        if kind == UP:
            _add_row(raw, byte, out, start, start - width, width)
        elif kind == NONE:
            _add_row(raw, byte, out, start, 0, width)
        elif kind == AVERAGE:
            _average_row(raw, byte, out, start, width)
        elif kind == SUB:
            _sub_row(raw, byte, out, start, width)
        elif kind == PAETH:
            _paeth_row(raw, byte, out, start, width)
        else:
            return y
    return -1
