"""Label maps in PNG files, decoded near the limit of the memory: chunks, checksums, inflating, unfiltering.

Only what label maps are usually stored as: 8-bit and 16-bit grey, and 8-bit indices into a palette, not interlaced and without
transparency. For everything else :func:`decode` says that it is for the library. The checksum of every chunk is checked, as is that of the
image data: a file that was damaged after it was written is an error and never another map.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.images.buffers import borrow
from segbench.images.inflate import crc32, inflater
from segbench.images.unfilter import LEAD, SLACK, unfilter

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3
TYPES = {(8, GREY): np.uint8, (16, GREY): np.uint16, (8, PALETTE): np.uint8}
UNDERSTOOD = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
UNUSUAL = {b"tRNS", b"acTL"}  # transparency; several frames
MAX_PIXELS = 1 << 26
MAX_RATIO = 1032  # of deflate: a stream cannot hold more than this many times its size


def decode(data: bytes) -> NDArray[Any] | None:
    """uint8[H, W] or uint16[H, W], the numbers in a PNG file; ``None``: it is in order so far, but is for the library to decode.

    :raises ValueError: the file is damaged; the message says where.
    """
    header, kinds, stream = _chunks(data)
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", header)
    dtype = TYPES.get((depth, color))
    has_palette = b"PLTE" in kinds
    unusual = kinds & UNUSUAL or any(_is_critical(kind) for kind in kinds - UNDERSTOOD) or has_palette != (color == PALETTE)
    if dtype is None or any(methods) or unusual or not 0 < width * height <= MAX_PIXELS:
        return None
    item = np.dtype(dtype).itemsize
    size, lead = height * (1 + width * item), (width + LEAD) * item
    if size > MAX_RATIO * len(stream):
        raise ValueError(f"{len(stream)} bytes of image data cannot hold {width}x{height} pixels")
    block = borrow(lead + size + SLACK * item)  # the filtered rows, over which the map is written
    raw, out = block[lead:], block[: ((height + 1) * width + SLACK) * item]
    inflater()(stream, raw[:size])
    return unfilter(raw, out.view(dtype), width, height)


def _chunks(data: bytes) -> tuple[bytes, set[bytes], bytes]:
    """The header's content, which kinds of chunks there are, and the image data of all IDAT chunks joined."""
    if not data.startswith(SIGNATURE):
        raise ValueError("this is not a PNG file")
    checksum, whole = crc32(), memoryview(data)
    header, kinds, parts = b"", set(), []
    position, last = len(SIGNATURE), b""
    while last != b"IEND":
        if position + 12 > len(data):
            raise ValueError(f"the file ends after {len(data)} bytes, before its last chunk")
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        kind = data[position + 4 : position + 8]
        if end + 4 > len(data):
            raise ValueError(f"the file ends after {len(data)} bytes, within chunk {_name(kind)}")
        if checksum(whole[position + 4 : end], 0) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError(f"the checksum of chunk {_name(kind)} is wrong")
        if (last == b"") != (kind == b"IHDR") or (kind == b"IHDR" and length != 13):
            raise ValueError("the file does not begin with a single header")
        if kind == b"IHDR":
            header = data[position + 8 : end]
        if kind == b"IDAT":
            if parts and last != b"IDAT":
                raise ValueError("the image data are in two places")
            parts.append(whole[position + 8 : end])
        kinds.add(kind)
        position, last = end + 4, kind
    return header, kinds, b"".join(parts)


def _is_critical(kind: bytes) -> bool:
    """Whether a chunk must be understood: its first letter is a capital."""
    return not kind[0] & 32


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
