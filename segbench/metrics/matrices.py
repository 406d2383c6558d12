"""The confusion matrices of very many images, as the cells that occur: of C x (C+1) cells few do in one image.

10 000 images of 150 classes are 1.8 GB of matrices and some ten megabytes of cells. Past a bound the cells are in a temporary file
(:mod:`segbench.files.spilled`), and everything that is made of them goes through them in blocks of some megabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.files.spilled import Spilled
from segbench.metrics.cells import Cells, Ints, require_whole

AT_ONCE = 1 << 18
"""Numbers that a block holds, roughly: cells, or entries of what is made of them."""


class Block(NamedTuple):
    """Consecutive images from ``first`` on, ``number`` of them. int64[K] each: ``image`` counts from 0 within the block."""

    first: int
    number: int
    image: Ints
    cells: Ints
    pixels: Ints


class CellLog:
    """Which cells occur in each of many images, and the pixels of each cell; images are appended one by one."""

    def __init__(self) -> None:
        self._ends = array("q")
        self._cells, self._pixels = Spilled(np.int64), Spilled(np.int64)

    @classmethod
    def of(cls, ends: Ints, cells: Ints, pixels: Ints) -> CellLog:
        """Of the cells int64[K] of all images, one image after the other, and where those of each image end, int64[N]."""
        log = cls()
        log._cells.append(cells)
        log._pixels.append(pixels)
        log._ends.frombytes(np.ascontiguousarray(ends, np.int64).tobytes())
        return log

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def ends(self) -> Ints:
        """int64[N]: where the cells of each image end."""
        return np.array(self._ends, np.int64)

    def append(self, cells: NDArray[np.integer], pixels: Ints) -> None:
        """Add an image: its cells int[K], and int64[K] of each the pixels."""
        self._cells.append(cells)
        self._pixels.append(pixels)
        self._ends.append(len(self._cells))

    def image(self, index: int) -> tuple[Ints, Ints]:
        """The cells and pixels of one image."""
        start, stop = self._ends[index - 1] if index else 0, self._ends[index]
        return self._cells.read(start, stop), self._pixels.read(start, stop)

    def blocks(self, most: int = 1 << 30, first: int = 0, last: int | None = None) -> Iterator[Block]:
        """The images from ``first`` to before ``last``, at most so many at once."""
        last, ends = len(self) if last is None else last, np.frombuffer(self._ends, np.int64) if self._ends else np.zeros(0, np.int64)
        while first < last:
            start = int(ends[first - 1]) if first else 0
            until = min(first + max(1, most), int(np.searchsorted(ends, start + AT_ONCE, "right")), last)
            until = max(first + 1, until)
            lengths = np.diff(ends[first:until], prepend=start)
            stop = int(ends[until - 1])
            image = np.repeat(np.arange(until - first), lengths)
            yield Block(first, until - first, image, self._cells.read(start, stop), self._pixels.read(start, stop))
            first = until


class ClassSums(NamedTuple):
    """Of images: pixels of each class that are hit, that are the target's, and that are predicted, int64[N, C] each."""

    hits: Ints
    targets: Ints
    preds: Ints


@dataclass(frozen=True, eq=False)
class Matrices:
    """int64[N, C, C+1], the confusion matrices of N images. A cell of ``log`` is ``levels`` times a target, plus a prediction.

    ``target_index`` and ``pred_index`` make class indices of these, C or more for void and for no class; without them they are indices.
    """

    log: CellLog
    classes: int
    levels: int
    target_index: NDArray[np.integer] | None = None
    pred_index: NDArray[np.integer] | None = None

    @classmethod
    def of(cls, matrices: NDArray[np.int64]) -> Matrices:
        """Of int64[N, C, C+1].

        :raises ValueError: they are something else.
        """
        if matrices.dtype != np.int64 or matrices.ndim != 3 or matrices.shape[2] != matrices.shape[1] + 1:
            raise ValueError(f"matrices must be int64[N, C, C+1], not {matrices.dtype}{list(matrices.shape)}")
        log = CellLog()
        for each in matrices.reshape(len(matrices), matrices.shape[1] * matrices.shape[2]):
            (cells,) = each.nonzero()
            log.append(cells, each[cells])
        return cls(log, matrices.shape[1], matrices.shape[2])

    def __len__(self) -> int:
        return len(self.log)

    def blocks(self, most: int = 1 << 30, first: int = 0, last: int | None = None) -> Iterator[Block]:
        """The same images with ``cells`` that are C+1 times a target class, plus a predicted class, C for none. Void is left out."""
        for block in self.log.blocks(most, first, last):
            rows, columns = np.divmod(block.cells, self.levels)
            if self.target_index is not None:
                rows = self.target_index[rows]
            if self.pred_index is not None:
                columns = self.pred_index[columns]
            counted = rows < self.classes
            cells = rows.astype(np.int64) * (self.classes + 1) + np.minimum(columns, self.classes)
            if counted.all():
                yield block._replace(cells=cells)
            else:
                yield block._replace(image=block.image[counted], cells=cells[counted], pixels=block.pixels[counted])

    def dense(self, images: Sequence[int] | None = None) -> Ints:
        """int64[N, C, C+1] of all images, or of some.

        :raises LabelError: there are too many classes for matrices that are whole.
        """
        require_whole(self.classes)
        chosen = range(len(self)) if images is None else images
        out = np.zeros((len(chosen), self.classes * (self.classes + 1)), np.int64)
        parts = self.blocks() if images is None else (each for i in chosen for each in self.blocks(first=i, last=i + 1))
        place = 0
        for block in parts:
            np.add.at(out, (place + block.image, block.cells), block.pixels)
            place += block.number
        return out.reshape(len(chosen), self.classes, self.classes + 1)

    def total(self, first: int = 0, last: int | None = None) -> Cells:
        """The matrix of all images together, or of those from ``first`` to before ``last``."""
        return Cells.added(self.classes, ((block.cells, block.pixels) for block in self.blocks(first=first, last=last)))

    def sums(self, first: int = 0, last: int | None = None) -> Iterator[tuple[Block, ClassSums]]:
        """The sums by class of the images from ``first`` to before ``last``, a block of them at a time."""
        for block in self.blocks(AT_ONCE // self.classes, first, last):
            yield block, sums_of(block, self.classes)

    def class_sums(self, chosen: Sequence[int] | None = None) -> ClassSums:
        """The sums by class of all images, of all classes or of some."""
        wanted = slice(None) if chosen is None else list(chosen)
        parts = [ClassSums(*(each[:, wanted] for each in sums)) for _, sums in self.sums()]
        none = np.zeros((0, self.classes), np.int64)[:, wanted]
        return ClassSums(*(np.concatenate(each) for each in zip(*parts, strict=True))) if parts else ClassSums(none, none, none)

    def equals(self, other: Matrices) -> bool:
        """Whether every matrix of both is the same."""
        if len(self) != len(other) or self.classes != other.classes:
            return False
        mine, theirs = (each.canonical() for each in (self, other))
        return all(np.array_equal(a, b) for i in range(len(mine)) for a, b in zip(mine.image(i), theirs.image(i), strict=True))

    def canonical(self) -> CellLog:
        """The images with every cell once, in ascending order, none of them 0; a cell as in :meth:`blocks`."""
        log = CellLog()
        size = self.classes * (self.classes + 1)
        for block in self.blocks():
            keys, inverse = np.unique(block.image * size + block.cells, return_inverse=True)
            pixels = np.zeros(len(keys), np.int64)
            np.add.at(pixels, inverse, block.pixels)
            keys, pixels = keys[pixels != 0], pixels[pixels != 0]
            ends = np.searchsorted(keys, np.arange(1, block.number + 1) * size)
            for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
                log.append(keys[start:stop] % size, pixels[start:stop])
        return log


def sums_of(block: Block, classes: int) -> ClassSums:
    """The sums by class of the images of a block, as :meth:`Matrices.blocks` gives them."""
    rows, columns = np.divmod(block.cells, classes + 1)
    row_cells, hit, inside = block.image * classes + rows, rows == columns, columns < classes
    sums = np.zeros((3, block.number * classes), np.int64)
    np.add.at(sums[0], row_cells[hit], block.pixels[hit])
    np.add.at(sums[1], row_cells, block.pixels)
    np.add.at(sums[2], (block.image * classes + columns)[inside], block.pixels[inside])
    return ClassSums(*sums.reshape(3, block.number, classes))


def different_targets(a: Matrices, b: Matrices) -> int:
    """In how many of the same number of images the target pixels of any class differ."""
    different = 0
    for first in range(0, len(a), at_once := max(1, AT_ONCE // a.classes)):
        x, y = (_targets(each, first, min(first + at_once, len(a))) for each in (a, b))
        different += int((x != y).any(axis=1).sum())
    return different


def _targets(matrices: Matrices, first: int, last: int) -> Ints:
    parts = [sums_of(block, matrices.classes).targets for block in matrices.blocks(first=first, last=last)]
    return np.concatenate(parts)
