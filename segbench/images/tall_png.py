"""PNG files read a few rows at a time: 8 or 16 bits of grey, not interlaced."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.files.remote import open_parts
from segbench.images import png
from segbench.images.content import not_in_parts
from segbench.images.inflate import DAMAGED
from segbench.images.unfilter import SLACK, unfilter

_ROWS = 256
_STEP = 1 << 16  # compressed bytes that are read at once


class Rows:
    """A PNG file of which the next rows are read. ``grid`` is how many are asked for at once, and its width."""

    in_order = True

    def __init__(self, path: Path, file: BinaryIO, size: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.path, self.height, self.width = path, *size
        self.grid = _ROWS, self.width
        self._file, self._dtype, self._row = file, dtype, 0
        self._above: NDArray[Any] | None = None
        self._inflate = zlib.decompressobj()
        self._left = 0  # compressed bytes of this chunk that were not read
        self._crc = 0
        self._kind = b"IHDR"
        self._rest = b""

    def read(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """The next rows; see :class:`segbench.images.tall.Tall`."""
        assert (top, left, right) == (self._row, 0, self.width)
        rows, item = bottom - top, self._dtype.itemsize
        size = rows * (1 + self.width * item)
        raw = np.empty(size + SLACK * item, np.uint8)
        out = np.empty((rows + 1) * self.width + SLACK, self._dtype)
        try:
            self._fill(raw[:size])
            values = unfilter(raw, out, self.width, rows, self._above)
            self._row = bottom
            if bottom == self.height:
                self._finish()
        except OSError as error:
            raise not_in_parts(self.path, error) from None
        except (ValueError, zlib.error, struct.error) as error:
            raise ImageError(self.path, f"the file is damaged ({error})") from None
        self._above = values[-1].copy()
        return values

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _fill(self, out: NDArray[np.uint8]) -> None:
        place = 0
        while place < out.size:
            more = self._inflate.decompress(self._rest or self._compressed(), out.size - place)
            self._rest = self._inflate.unconsumed_tail
            out[place : place + len(more)] = np.frombuffer(more, np.uint8)
            place += len(more)
            if self._inflate.eof and place < out.size:
                raise ValueError(DAMAGED)

    def _finish(self) -> None:
        """Check that nothing but the end follows, and every checksum."""
        while not self._inflate.eof:
            if self._inflate.decompress(self._rest or self._compressed(), 1):
                raise ValueError(DAMAGED)
            self._rest = self._inflate.unconsumed_tail
        while self._kind != b"IEND":
            self._take(self._left)
            self._next_chunk()

    def _compressed(self) -> bytes:
        """Some of the image data."""
        while not self._left:
            self._next_chunk()
            if self._kind == b"IEND":
                raise ValueError(DAMAGED)
            if self._kind != b"IDAT":
                self._take(self._left)
        return self._take(min(self._left, _STEP))

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ValueError("the file ends too soon")
        self._crc, self._left = zlib.crc32(data, self._crc), self._left - size
        return data

    def _next_chunk(self) -> None:
        """Go to the next chunk; the checksum of the one that ends is right."""
        if self._file.tell() > len(png.SIGNATURE) and self._file.read(4) != struct.pack(">I", self._crc):
            raise ValueError(f"the checksum of chunk {self._kind.decode('ascii', 'backslashreplace')} is wrong")
        self._left, self._kind = struct.unpack(">I4s", self._file.read(8))
        self._crc = zlib.crc32(self._kind)


def open_rows(path: Path) -> Rows | None:
    """A PNG file whose rows can be read one after the other; ``None`` if it is read whole."""
    file = open_parts(path)
    head = file.read(33)
    if len(head) == 33 and head[12:16] == b"IHDR":
        width, height, depth, color, *methods = struct.unpack(">IIBBBBB", head[16:29])
        dtype = png.TYPES.get((depth, color)) if color == png.GREY else None
        if dtype is not None and not any(methods) and width * height and not _unusual(file):
            file.seek(len(png.SIGNATURE))
            return Rows(path, file, (height, width), np.dtype(dtype))
    file.close()
    return None


def _unusual(file: BinaryIO) -> bool:
    """Whether chunks before the image data, behind the header, ask for more than grey."""
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] in png.UNUSUAL or not head[4] & 32:
            return True
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False
