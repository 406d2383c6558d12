"""Label maps that are too large to be held whole, read window by window: rows of PNG, strips and tiles of TIFF.

    source = open_tall(path)               None: it is small, or of a kind that is read whole
    source.height, source.width, source.grid      (rows, columns) of what is decoded at once
    source.read(top, bottom, left, right)  the numbers of a window

Only what most large maps are stored as: one band of 8 or 16 bits without palette or transparency. A map of 100 000 x 100 000 pixels is
10 GB of numbers; of that some tens of megabytes are in memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from segbench.files.remote import FILES, RemotePath, open_parts
from segbench.images import png, tiff
from segbench.images.content import Picture, not_in_parts
from segbench.images.tall_png import open_rows
from segbench.images.tall_tiff import open_tiles

TALL = 1 << 26
"""Pixels from which on maps are read in windows."""

SMALL = 1 << 15
"""Bytes of a file that no compressed map of so many pixels fits in, of the kinds that cannot leave out tiles."""

AT_ONCE = 1 << 23
"""Pixels of a window, roughly."""


class Tall(Protocol):
    """A label map that is read in windows."""

    height: int
    width: int
    grid: tuple[int, int]
    in_order: bool

    def read(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """The numbers of a window, [bottom - top, right - left] of uint8 or uint16. ``in_order``: windows are whole rows, downwards.

        :raises ImageError: the file is damaged.
        """

    def close(self) -> None:
        """Let go of the file."""


def open_tall(path: Picture) -> Tall | None:
    """A map that is to be read in windows; ``None`` if it is small, or of a kind that is read whole.

    :raises ImageError: it is damaged.
    """
    if not isinstance(path, FILES):
        return None
    try:
        size = path.state.size if isinstance(path, RemotePath) else _size(path)
        if size is None or (size < SMALL and path.suffix.lower() not in (".tif", ".tiff")):
            return None
        with open_parts(path) as file:
            head = file.read(64)
    except OSError:
        return None  # reading says why
    try:
        return _opened(path, head)
    except OSError as error:
        raise not_in_parts(path, error) from None


def _size(path: Path) -> int | None:
    """The bytes of a file; ``None`` if it is a device, or a pipe."""
    state = os.stat(path)
    return state.st_size if stat.S_ISREG(state.st_mode) else None


def _opened(path: Path, head: bytes) -> Tall | None:
    if head.startswith(png.SIGNATURE):
        width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        return open_rows(path) if width * height > TALL else None
    return open_tiles(path, TALL) if head.startswith(tiff.SIGNATURES) else None


def windows(a: Tall, b: Tall) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Both maps, which are of one size, window by window."""
    (rows, columns), (other_rows, other_columns) = a.grid, b.grid
    width = a.width if a.in_order or b.in_order else min(a.width, max(columns, other_columns))
    height = max(1, min(a.height, max(rows, other_rows), max(1, AT_ONCE // width)))
    if a.grid == b.grid and not (a.in_order or b.in_order):
        height, width = rows, columns
    for top in range(0, a.height, height):
        for left in range(0, a.width, width):
            window = top, min(top + height, a.height), left, min(left + width, a.width)
            yield a.read(*window), b.read(*window)
