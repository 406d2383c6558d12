"""PNG files decoded near the limit of the memory: chunks, checksums, inflating, unfiltering.

Only what label maps and photographs are usually stored as. Label maps: 8-bit and 16-bit grey, and 8-bit indices into a palette.
Photographs: 8 bits a channel of colour or grey, with or without alpha, and 8-bit indices. Neither is interlaced, has transparent colours or
further frames. For everything else :func:`decode` and :func:`decode_photograph` say that it is for the library. The checksum of every chunk
is checked, as is that of the image data: a file that was damaged after it was written is an error and never another picture.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.images.buffers import Allocate, borrow, photograph_room
from segbench.images.inflate import Stream, crc32, inflater
from segbench.images.unfilter import LEAD, SLACK, unfilter

if TYPE_CHECKING:
    from segbench.images.color_ids import ColorIds

# The kernels for colours and for photographs are loaded where they are needed: most commands need neither, and start sooner.

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
TYPES = {(8, GREY): np.uint8, (16, GREY): np.uint16, (8, PALETTE): np.uint8}
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
UNDERSTOOD = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
UNUSUAL = {b"tRNS", b"acTL", b"eXIf"}  # transparency; several frames; how a picture is to be held
MAX_PIXELS = 1 << 26
MAX_WIDTH = 1 << 16  # of a photograph, of which some rows are held at once
MAX_RATIO = 1032  # of deflate: a stream cannot hold more than this many times its size


class _Content(NamedTuple):
    """``header``: its 13 bytes. ``kinds``: which kinds of chunks there are. ``stream``: the image data. ``palette``: red, green, blue."""

    header: bytes
    kinds: set[bytes]
    stream: Stream
    palette: bytes

    def is_usual(self, color: int, methods: list[int]) -> bool:
        """Whether nothing in the file says that pixels are to be taken for something else than what they are."""
        foreign = any(_is_critical(kind) for kind in self.kinds - UNDERSTOOD)
        return not (any(methods) or foreign or self.kinds & UNUSUAL) and (b"PLTE" in self.kinds) == (color == PALETTE)


def decode(data: bytes) -> NDArray[Any] | None:
    """uint8[H, W] or uint16[H, W], the numbers in a PNG file; ``None``: it is in order so far, but is for the library to decode.

    :raises ValueError: the file is damaged; the message says where.
    """
    return _numbers(_chunks(data))


def decode_indexed(data: bytes) -> tuple[NDArray[Any], bytes] | None:
    """As :func:`decode`, with the palette: red, green and blue of each index, nothing where the numbers are no indices.

    :raises ValueError: the file is damaged; the message says where.
    """
    content = _chunks(data)
    numbers = _numbers(content)
    return None if numbers is None else (numbers, content.palette)


def _numbers(content: _Content) -> NDArray[Any] | None:
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", content.header)
    dtype = TYPES.get((depth, color))
    if dtype is None or not content.is_usual(color, methods) or not 0 < width * height <= MAX_PIXELS:
        _require_whole(content)
        return None
    item = np.dtype(dtype).itemsize
    size, lead = height * (1 + width * item), (width + LEAD) * item
    _require_room(content.stream, size, width, height)
    block = borrow(lead + size + SLACK * item)  # the filtered rows, over which the map is written
    raw, out = block[lead:], block[: ((height + 1) * width + SLACK) * item]
    inflater()(content.stream, raw[:size])
    return unfilter(raw, out.view(dtype), width, height)


def decode_colors(data: bytes, table: ColorIds) -> NDArray[np.uint8] | None:
    """uint8[H, W], the ids of the colours in a PNG file. ``None``: it is for the library, or a colour has no id.

    :raises ValueError: the file is damaged; the message says where.
    """
    from segbench.images import color_ids

    content = _chunks(data)
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", content.header)
    if color == PALETTE and depth == 8:
        indices = _numbers(content) if _is_palette(content.palette) else None
        return None if indices is None else color_ids.ids_of_indices(indices, _colors(content.palette), table)
    if color not in (RGB, RGBA) or depth != 8 or not content.is_usual(color, methods) or not 0 < width * height <= MAX_PIXELS:
        _require_whole(content)
        return None
    item = CHANNELS[color]
    size, lead = height * (1 + item * width), width + color_ids.LEAD
    _require_room(content.stream, size, width, height)
    block = borrow(lead + size + color_ids.SLACK)
    raw, out = block[lead : lead + size + color_ids.SLACK], block[: (height + 1) * width + SLACK]
    inflater()(content.stream, raw[:size])
    return color_ids.ids_of_rows(raw, out, (height, width), color_ids.RGB if color == RGB else color_ids.RGBA, table)


def decode_photograph(data: bytes, allocate: Allocate | None = None) -> NDArray[np.uint8] | None:
    """uint8[H, W, 3], the picture in a PNG file: grey is repeated, alpha is dropped. ``None``: it is in order so far, but for the library.

    :param allocate: gives the memory that is written to, by its shape; ``None`` is memory of this thread that is used again.
    :raises ValueError: the file is damaged; the message says where.
    """
    from segbench.images import unfilter_photographs as photographs

    content = _chunks(data)
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", content.header)
    if depth != 8 or color not in CHANNELS or (color == PALETTE and not _is_palette(content.palette)):
        _require_whole(content)
        return None
    if not content.is_usual(color, methods):
        _require_whole(content)
        return None
    if not 0 < width * height <= MAX_PIXELS or width > MAX_WIDTH:
        _require_whole(content)
        return None
    item, shape = CHANNELS[color], (height, width, 3)
    size = height * (1 + width * item)
    _require_room(content.stream, size, width, height)
    raw = borrow(size + 2 * photographs.SLACK)[: size + 2 * photographs.SLACK]
    inflater()(content.stream, raw[photographs.SLACK : -photographs.SLACK])
    # In one memory each row is read before it is written over.
    in_place = allocate is None and item >= 3
    out = raw[: height * width * 3].reshape(shape) if in_place else photograph_room(shape, allocate)
    photographs.unfilter_photograph(raw, out, item, _colors(content.palette))
    return out


def _is_palette(content: bytes) -> bool:
    return len(content) in range(3, 3 * 256 + 1, 3)


def _colors(palette: bytes) -> NDArray[np.uint8]:
    """uint8[256, 4]: the colours of a palette, those that it lacks are black; without one, greys."""
    colors = np.zeros((256, 4), np.uint8)
    if palette:
        colors[: len(palette) // 3, :3] = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    else:
        colors[:, :3] = np.arange(256)[:, None]
    return colors


def _require_room(stream: Stream, size: int, width: int, height: int) -> None:
    if size > MAX_RATIO * len(stream):
        raise ValueError(f"{len(stream)} bytes of image data cannot hold {width}x{height} pixels")


def _require_whole(content: _Content) -> None:
    """Check that a picture that is left to the library does not end too soon: the library takes what is missing for zeros.

    :raises ValueError: it does.
    """
    width, height, depth, color, *_, interlaced = struct.unpack(">IIBBBBB", content.header)
    bits = depth * CHANNELS.get(color, 1)
    parts = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = ((max(0, -((x - width) // dx)), max(0, -((y - height) // dy))) for x, y, dx, dy in parts)
    size = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sides if columns)
    _require_room(content.stream, size, width, height)
    inflating, there, rest = zlib.decompressobj(), 0, bytes(content.stream)
    try:
        while rest and there < size and not inflating.eof:
            there += len(inflating.decompress(rest, 1 << 20))
            rest = inflating.unconsumed_tail
        there += len(inflating.flush()) if there < size else 0
    except zlib.error:
        return  # the library says so
    if there < size and inflating.eof:
        raise ValueError(f"its image data end after {there} of {size} bytes")


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and the steps from one to the next, of the seven pictures that an interlaced one consists of."""


def _chunks(data: bytes) -> _Content:
    """What a file consists of; the checksum of every chunk is right."""
    if not data.startswith(SIGNATURE):
        raise ValueError("this is not a PNG file")
    checksum, whole = crc32(), memoryview(data)
    header, palette, kinds, parts = b"", b"", set[bytes](), list[memoryview]()
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
        if kind == b"PLTE" and not parts:
            palette = data[position + 8 : end]
        if kind == b"IDAT":
            if parts and last != b"IDAT":
                raise ValueError("the image data are in two places")
            parts.append(whole[position + 8 : end])
        kinds.add(kind)
        position, last = end + 4, kind
    return _Content(header, kinds, _joined(parts), palette)


def _joined(parts: list[memoryview]) -> Stream:
    """Image data in one piece, in memory that is used again: megabytes of fresh memory cost more than copying them."""
    if len(parts) == 1:
        return parts[0]
    whole = borrow(sum(map(len, parts))).data
    end = 0
    for part in parts:
        start, end = end, end + len(part)
        whole[start:end] = part
    return whole[:end]


def _is_critical(kind: bytes) -> bool:
    """Whether a chunk must be understood: its first letter is a capital."""
    return not kind[0] & 32


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
