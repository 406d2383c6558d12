"""TIFF files of very many pixels and few bytes: tiles that share their data."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LZW, DEFLATE = 5, 8


def compressed(tile: NDArray[np.generic], compression: int) -> bytes:
    """The data of a strip or tile."""
    if compression == DEFLATE:
        return zlib.compress(tile.tobytes())
    if compression == 1:
        return tile.tobytes()
    file = io.BytesIO()
    Image.fromarray(tile).save(file, format="TIFF", compression="tiff_lzw", strip_size=1 << 30)
    with Image.open(io.BytesIO(file.getvalue())) as image:
        tags = image.tag_v2  # type: ignore[attr-defined]
        (start,), (size,) = tags[273], tags[279]
    return file.getvalue()[start : start + size]


def write_tiled(
    path: Path, tiles: Sequence[NDArray[np.generic]], places: NDArray[np.intp], size: tuple[int, int], compression: int
) -> None:
    """Write a map of (height, width) ``size`` whose tile at each place int[rows, columns] is one of ``tiles``; -1 leaves it out."""
    rows, columns = tiles[0].shape
    content, starts = bytearray(b"II*\0\0\0\0\0"), []
    for tile in tiles:
        data = compressed(tile, compression)
        starts.append((len(content), len(data)))
        content += data + b"\0" * (len(data) % 2)
    of_place = [starts[index] if index >= 0 else (0, 0) for index in places.reshape(-1).tolist()]
    tables = []
    for values in zip(*of_place, strict=True):
        tables.append(len(content))
        content += struct.pack(f"<{len(values)}I", *values)
    number = len(of_place)
    where = [table if number > 1 else value for table, value in zip(tables, of_place[0], strict=True)]
    entries = [
        (256, 4, 1, size[1]),
        (257, 4, 1, size[0]),
        (258, 3, 1, 8 * tiles[0].dtype.itemsize),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, columns),
        (323, 4, 1, rows),
        (324, 4, number, where[0]),
        (325, 4, number, where[1]),
    ]
    content[4:8] = struct.pack("<I", len(content))
    content += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    path.write_bytes(content)
