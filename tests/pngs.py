"""PNG files chunk by chunk and filter by filter, written and unfiltered as the standard says it, one byte after the other."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, color: int = GREY, methods: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, *methods))


def palette(colors: int = 256) -> bytes:
    return chunk(b"PLTE", bytes(range(256)) * 3 if colors == 256 else bytes(3 * colors))


def predicted(kind: int, left: int, above: int, above_left: int) -> int:
    """What a filter expects a byte to be."""
    if kind == 4:
        guess = left + above - above_left
        return min((left, above, above_left), key=lambda byte: abs(guess - byte))  # of equally near ones the first
    return (0, left, above, (left + above) // 2)[kind]


def _rows(rows: Sequence[bytes], kinds: Sequence[int], item: int, sign: int) -> list[bytes]:
    """Filter (``sign`` -1) or unfilter (1) rows of bytes."""
    done: list[bytes] = []
    before = bytes(len(rows[0])) if rows else b""
    for row, kind in zip(rows, kinds, strict=True):
        new = bytearray(row)
        for i in range(len(row)):
            plain = new if sign > 0 else row
            left, above_left = (plain[i - item], before[i - item]) if i >= item else (0, 0)
            new[i] = (row[i] + sign * predicted(kind, left, before[i], above_left)) % 256
        done.append(bytes(new))
        before = done[-1] if sign > 0 else row
    return done


def filtered(values: NDArray[np.generic], kinds: Sequence[int]) -> bytes:
    """The image data before they are deflated: [H, W] of bytes or 16 bits or [H, W, C], row y by filter ``kinds[y]``."""
    item = values[0, 0].nbytes
    rows = [row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values]
    return b"".join(bytes([kind]) + row for kind, row in zip(kinds, _rows(rows, kinds, item, -1), strict=True))


def plainly_unfiltered(raw: bytes, width: int, height: int, dtype: type, channels: int = 1) -> NDArray[np.generic]:
    """The numbers that filtered rows stand for, [H, W], or [H, W, C] of several channels."""
    wide = np.dtype(dtype).newbyteorder(">")
    item = wide.itemsize * channels
    step = 1 + width * item
    rows = [raw[y * step : (y + 1) * step] for y in range(height)]
    plain = _rows([row[1:] for row in rows], [row[0] for row in rows], item, 1)
    return np.frombuffer(b"".join(plain), wide).astype(dtype).reshape((height, width, channels)[: 2 + (channels > 1)])


def split(stream: bytes, sizes: Iterable[int]) -> bytes:
    """IDAT chunks of these sizes (0 is an empty one), and one with what is left."""
    chunks = []
    for size in sizes:
        chunks.append(chunk(b"IDAT", stream[:size]))
        stream = stream[size:]
    return b"".join([*chunks, chunk(b"IDAT", stream)])


def png(
    values: NDArray[np.generic],
    kinds: Sequence[int] | None = None,
    *,
    color: int = GREY,
    sizes: Iterable[int] = (),
    level: int = 6,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A file with [H, W] or [H, W, C] of bytes or 16 bits; ``before`` and ``after`` are further chunks on both sides of the image data."""
    height, width = values.shape[:2]
    stream = zlib.compress(filtered(values, [0] * height if kinds is None else kinds), level)
    start = SIGNATURE + header(width, height, 8 * values.dtype.itemsize, color) + (palette() if color == PALETTE else b"")
    return start + before + split(stream, sizes) + after + chunk(b"IEND", b"")
