"""TIFF files read strip by strip, or tile by tile. Each is decoded by Pillow, as a small file of its own, so all its compressions work.

A tile of which a file holds nothing (offset and size 0, as GDAL leaves out what is empty) is its nodata, or 0.
"""

from __future__ import annotations

import io
import mmap
import struct
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.files.remote import open_parts
from segbench.images import tiff
from segbench.images.content import not_in_parts
from segbench.images.library import UPRIGHT

_COMPRESSIONS = {1, 5, 8, 32773, 32946, 50000}
_KEPT = 1 << 25  # bytes of decoded tiles
_STRIP_OFFSETS, _ROWS, _STRIP_SIZES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_SIZES = (
    273,
    278,
    279,
    317,
    322,
    323,
    324,
    325,
)
_BLACK_IS_ZERO = 1


class _Closed(tiff.Content, Protocol):
    """Bytes of a file that is closed in the end."""

    def close(self) -> None:
        """Let go of the file."""


class _Parts:
    """The bytes of a file that is read in parts."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getitem__(self, some: slice) -> bytes:
        start = some.start or 0
        self._file.seek(start)
        return self._file.read(some.stop - start)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _mapped(path: Path) -> _Closed:
    """The bytes of a file: mapped into memory, or in parts of one behind a URL."""
    with ExitStack() as opened:
        file = opened.enter_context(open_parts(path))
        if isinstance(path, Path):
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        opened.pop_all()
        return _Parts(file)


class Tiles:
    """A TIFF file in strips, or in tiles of ``grid`` (rows, columns)."""

    in_order = False

    def __init__(self, path: Path, content: _Closed, page: tiff.Page, tags: tiff.Tags) -> None:
        self.path, self.height, self.width = path, page.height, page.width
        self._content, self._page = content, page
        self._order = tags.order
        self._predictor = tags.number(_PREDICTOR, 1)
        self._dtype = np.dtype(f"{tags.order}u{page.bits[0] // 8}")
        tiled = _TILE_OFFSETS in tags.entries
        self.grid = (
            (tags.number(_TILE_HEIGHT, 0), tags.number(_TILE_WIDTH, 0))
            if tiled
            else (min(page.height, tags.number(_ROWS, page.height)), page.width)
        )
        if min(self.grid) < 1:
            raise ValueError("tiles of no size")
        self._across = -(-page.width // self.grid[1])
        number = self._across * -(-page.height // self.grid[0])
        self._offsets = tags.array(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, number)
        self._sizes = tags.array(_TILE_SIZES if tiled else _STRIP_SIZES, number)
        self._tiled = tiled
        self._empty = int(page.nodata) if page.nodata.strip().isdecimal() and int(page.nodata) < 1 << page.bits[0] else 0
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def read(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """The numbers of a window; see :class:`segbench.images.tall.Tall`."""
        rows, columns = self.grid
        if (top % rows, left % columns) == (0, 0) and bottom <= top + rows and right <= left + columns:
            return self._tile(top // rows * self._across + left // columns)[: bottom - top, : right - left]
        out = np.empty((bottom - top, right - left), self._dtype.newbyteorder("="))
        for row in range(top // rows, -(-bottom // rows)):
            for column in range(left // columns, -(-right // columns)):
                tile = self._tile(row * self._across + column)
                y, x = row * rows, column * columns
                inside = slice(max(top, y) - y, min(bottom, y + rows) - y), slice(max(left, x) - x, min(right, x + columns) - x)
                place = slice(max(top, y) - top, min(bottom, y + rows) - top), slice(max(left, x) - left, min(right, x + columns) - left)
                out[place] = tile[inside]
        return out

    def close(self) -> None:
        """Let go of the file."""
        self._kept.clear()
        self._content.close()

    def _tile(self, index: int) -> NDArray[Any]:
        """A strip or tile, whole; the last ones that were asked for are kept."""
        if (kept := self._kept.get(index)) is not None:
            self._kept.move_to_end(index)
            return kept
        tile = self._decoded(index)
        self._kept[index] = tile
        while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > _KEPT:
            self._kept.popitem(last=False)
        return tile

    def _decoded(self, index: int) -> NDArray[Any]:
        rows, columns = self.grid
        rows = rows if self._tiled else min(rows, self.height - index * rows)
        offset, size = int(self._offsets[index]), int(self._sizes[index])
        if not size:
            return np.full((rows, columns), self._empty, self._dtype.newbyteorder("="))
        try:
            data = self._content[offset : offset + size]
        except OSError as error:  # of a file behind a URL
            raise not_in_parts(self.path, error) from None
        try:
            if len(data) < size:
                raise ValueError("the file ends too soon")
            if self._page.compression == 1:
                return np.frombuffer(data, self._dtype, rows * columns).reshape(rows, columns).astype(self._dtype.newbyteorder("="))
            return np.array(Image.open(io.BytesIO(self._as_file(data, rows, columns))))
        except Exception as error:  # of damaged data Pillow raises anything
            raise ImageError(self.path, f"the file is damaged (strip or tile {index}: {error})") from None

    def _as_file(self, data: bytes, rows: int, columns: int) -> bytes:
        """A TIFF file of one strip."""
        order, entries = self._order, 10
        start = 8 + 2 + 12 * entries + 4
        tags = {
            256: columns,
            257: rows,
            258: self._page.bits[0],
            259: self._page.compression,
            262: _BLACK_IS_ZERO,
            273: start,
            277: 1,
            278: rows,
            279: len(data),
            317: self._predictor,
        }
        head = struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, entries)
        return head + b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items()) + bytes(4) + data


def open_tiles(path: Path, more_than: int) -> Tiles | None:
    """A TIFF file of more pixels than that, whose strips or tiles can be read alone; ``None`` if it is read whole.

    :raises ImageError: its directory cannot be read.
    """
    tiles, content = None, _mapped(path)
    try:
        page, tags = tiff.first_page(path, content)
        usual = page.bands == 1 and page.kind == "uint" and page.bits[0] in (8, 16) and page.photometric == _BLACK_IS_ZERO
        upright = page.orientation == UPRIGHT and page.images == 1 and page.compression in _COMPRESSIONS
        if page.width * page.height > more_than and usual and upright and len(tiff.read_pages(path, content)) == 1:
            tiles = Tiles(path, content, page, tags)
    except (struct.error, ValueError, IndexError):
        raise ImageError(path, "the file is damaged (its strips or tiles cannot be found)") from None
    finally:
        if tiles is None:
            content.close()
    return tiles
