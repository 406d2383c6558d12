"""Inflating a zlib stream whose size is known, in one call, into memory that is there already.

libdeflate does this many times faster than zlib. Its Python package ``deflate`` can only return a new buffer; the function that its
compiled module is built around writes wherever it is told to, and is called directly where the module exports it. Where it does not, the
package's own function does, and without the package zlib does: the same bytes or the same error, only later.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Stream = bytes | memoryview
Inflate = Callable[[Stream, NDArray[np.uint8]], None]
"""Fills an array uint8[N], N > 0, with what a stream holds. ValueError: the stream is damaged, or does not hold N bytes exactly."""

Checksum = Callable[[bytes | memoryview, int], int]

DAMAGED = "the image data are damaged, cut short or too long"


@cache
def inflater() -> Inflate:
    """The fastest of the three that works here."""
    return libdeflate_in_place() or libdeflate() or with_zlib


@cache
def crc32() -> Checksum:
    """The fastest CRC-32: of bytes, going on from the CRC of what comes before them."""
    try:
        import deflate
    except ImportError:
        return zlib.crc32
    return deflate.crc32


def libdeflate_in_place() -> Inflate | None:
    """The C function of libdeflate, if the package's compiled module is there and exports it."""
    try:
        from deflate import _deflate

        library = ctypes.CDLL(_deflate.__file__)
        allocate, free = library.libdeflate_alloc_decompressor, library.libdeflate_free_decompressor
        decompress = library.libdeflate_zlib_decompress
    except (ImportError, OSError, AttributeError):
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    allocate.argtypes, allocate.restype = (), pointer
    free.argtypes, free.restype = (pointer,), None
    decompress.argtypes, decompress.restype = (pointer, pointer, size, pointer, size, pointer), ctypes.c_int

    def inflate(stream: Stream, out: NDArray[np.uint8]) -> None:
        start = np.frombuffer(stream, np.uint8).ctypes.data
        decompressor = allocate()
        if not decompressor:
            raise MemoryError("libdeflate cannot allocate its state")
        try:
            # Without a place for the number of bytes written, anything but a full array is an error.
            failed = decompress(decompressor, start, len(stream), out.ctypes.data, out.size, None)
        finally:
            free(decompressor)
        if failed:
            raise ValueError(DAMAGED)

    return inflate


def libdeflate() -> Inflate | None:
    """The package's own function, which allocates."""
    try:
        import deflate
    except ImportError:
        return None

    def inflate(stream: Stream, out: NDArray[np.uint8]) -> None:
        try:
            data = deflate.zlib_decompress(stream, out.size)
        except deflate.DeflateError:
            raise ValueError(DAMAGED) from None
        if len(data) != out.size:
            raise ValueError(DAMAGED)
        out[:] = np.frombuffer(data, np.uint8)

    return inflate


def with_zlib(stream: Stream, out: NDArray[np.uint8]) -> None:
    """The standard library."""
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(stream, out.size + 1)  # room for one byte too many, to reach the end and its checksum
    except zlib.error:
        raise ValueError(DAMAGED) from None
    if len(data) != out.size or not decompressor.eof:
        raise ValueError(DAMAGED)
    out[:] = np.frombuffer(data, np.uint8)
