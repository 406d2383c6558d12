"""Pair counts of one image, as what occurs: of 65 536 pairs of bytes few do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import BYTES, WORDS


@dataclass(frozen=True, eq=False)
class PairCounts:
    """``cells`` int32[K], ascending: 256 times the target byte, plus the predicted byte; ``pixels`` int64[K], none of them 0.

    Of maps with 16 bits a pixel ``levels`` is 65 536 instead of 256, and cells are int64.
    """

    cells: NDArray[np.integer]
    pixels: NDArray[np.int64]
    levels: int = BYTES

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> PairCounts:
        """From int64[256, 256] over (target byte, predicted byte), or its top left corner if there is nothing else."""
        flat = counts.reshape(-1)
        (cells,) = flat.nonzero()
        targets, preds = np.divmod(cells, max(1, counts.shape[1]))
        return cls((256 * targets + preds).astype(np.int32), flat[cells])

    def dense(self) -> NDArray[np.int64]:
        """int64[256, 256] over (target byte, predicted byte)."""
        counts = np.zeros(65536, np.int64)
        counts[self.cells] = self.pixels
        return counts.reshape(256, 256)

    @property
    def targets(self) -> NDArray[np.integer]:
        """int[K]: the target's value in each cell."""
        return self.cells // self.levels

    @property
    def preds(self) -> NDArray[np.integer]:
        """int[K]: the predicted value in each cell."""
        return self.cells % self.levels

    def of_levels(self, levels: int) -> PairCounts:
        """The same, with cells that are so many times the target's value plus the predicted one."""
        if levels == self.levels:
            return self
        return PairCounts(self.targets.astype(np.int64) * levels + self.preds, self.pixels, levels)

    def __add__(self, other: PairCounts) -> PairCounts:
        """What both count, together."""
        levels = max(self.levels, other.levels)
        parts = self.of_levels(levels), other.of_levels(levels)
        cells, inverse = np.unique(np.concatenate([each.cells for each in parts]), return_inverse=True)
        pixels = np.zeros(len(cells), np.int64)
        np.add.at(pixels, inverse, np.concatenate([each.pixels for each in parts]))
        return PairCounts(cells, pixels, levels)

    def equals(self, other: PairCounts) -> bool:
        """Whether the same was counted."""
        return np.array_equal(self.cells, other.cells) and np.array_equal(self.pixels, other.pixels)

    def to_rows(self) -> list[list[int]]:
        """[target byte, predicted byte, pixels] of each cell, for JSON; :meth:`from_rows` reads it back."""
        return np.stack([self.targets, self.preds, self.pixels], axis=1).tolist()  # type: ignore[no-any-return]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]]) -> PairCounts:
        """What :meth:`to_rows` gave."""
        targets, preds, pixels = np.array(rows, np.int64).reshape(-1, 3).T
        if len(rows) and max(int(targets.max()), int(preds.max())) >= BYTES:
            return cls(targets * WORDS + preds, pixels, WORDS)
        return cls((256 * targets + preds).astype(np.int32), pixels)


EMPTY = PairCounts(np.zeros(0, np.int32), np.zeros(0, np.int64))
