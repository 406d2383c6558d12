"""A confusion matrix as the cells that occur: of 65 535 classes it would be 34 GB whole, and few of its cells are anything but 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError

Ints = NDArray[np.int64]
MOST_WHOLE = 4096
"""Classes of a matrix that is ever made whole: 134 MB of it."""
_AT_ONCE = 1 << 18  # cells that are sorted together at least


@dataclass(frozen=True, eq=False)
class Cells:
    """``keys`` int64[K], ascending, each once: C+1 times the target class plus the predicted one, C for none. ``pixels`` int64[K], not 0.

    ``classes`` is C.
    """

    classes: int
    keys: Ints
    pixels: Ints

    @classmethod
    def of(cls, counts: Ints) -> Cells:
        """Of int64[C, C+1].

        :raises ValueError: it is something else.
        """
        if counts.dtype != np.int64 or counts.ndim != 2 or counts.shape[1] != len(counts) + 1:
            raise ValueError(f"counts must be int64[C, C+1], not {counts.dtype}{list(counts.shape)}")
        flat = counts.reshape(-1)
        (keys,) = flat.nonzero()
        return cls(len(counts), keys.astype(np.int64, copy=False), flat[keys])

    @classmethod
    def added(cls, classes: int, parts: Iterable[tuple[Ints, Ints]]) -> Cells:
        """The sum of keys and pixels in any order, in which keys may repeat and pixels be negative."""
        return cls(classes, *added(parts))

    def dense(self) -> Ints:
        """int64[C, C+1].

        :raises LabelError: there are more than :data:`MOST_WHOLE` classes.
        """
        require_whole(self.classes)
        counts = np.zeros(self.classes * (self.classes + 1), np.int64)
        counts[self.keys] = self.pixels
        return counts.reshape(self.classes, self.classes + 1)

    @cached_property
    def rows(self) -> Ints:
        """int64[K]: the target class of each cell."""
        return self.keys // (self.classes + 1)

    @cached_property
    def columns(self) -> Ints:
        """int64[K]: the predicted class of each cell, C for none."""
        return self.keys % (self.classes + 1)

    def equals(self, other: Cells) -> bool:
        """Whether both matrices are the same."""
        same = self.classes == other.classes and np.array_equal(self.keys, other.keys)
        return same and np.array_equal(self.pixels, other.pixels)

    def __add__(self, other: Cells) -> Cells:
        return Cells.added(self.classes, [(self.keys, self.pixels), (other.keys, other.pixels)])

    def __sub__(self, other: Cells) -> Cells:
        return Cells.added(self.classes, [(self.keys, self.pixels), (other.keys, -other.pixels)])


def require_whole(classes: int) -> None:
    """Check that matrices of so many classes are made whole.

    :raises LabelError: there are more than :data:`MOST_WHOLE`.
    """
    if classes > MOST_WHOLE:
        raise LabelError(
            f"a confusion matrix of {classes} classes is never made whole, for it has {classes**2:.1e} cells; "
            "cells, hits, targets and preds of a ConfusionMatrix hold what occurs"
        )


def added(parts: Iterable[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Keys int64[K], ascending and each once, and the sum of the numbers of each, from keys and numbers in any order.

    Sums of 0 are left out. What waits is sorted when it is as much as what is sorted already, so that many parts cost little more than one.
    """
    keys, sums = np.zeros(0, np.int64), np.zeros(0, np.int64)
    waiting, number = list[tuple[Ints, Ints]](), 0
    for part in parts:
        waiting.append(part)
        number += len(part[0])
        if number > max(_AT_ONCE, len(keys)):
            keys, sums = _joined([(keys, sums), *waiting])
            waiting, number = [], 0
    return _joined([(keys, sums), *waiting])


def _joined(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    all_keys, numbers = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(all_keys, kind="stable")
    all_keys = all_keys[order]
    starts = np.flatnonzero(np.diff(all_keys, prepend=-1))
    sums = np.add.reduceat(numbers[order], starts) if len(starts) else np.zeros(0, np.int64)
    return all_keys[starts][sums != 0], sums[sums != 0]
