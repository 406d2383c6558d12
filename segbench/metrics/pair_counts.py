"""Pair counts of one image, as what occurs: of 65 536 pairs of bytes few do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PairCounts:
    """``cells`` int32[K], ascending: 256 times the target byte, plus the predicted byte; ``pixels`` int64[K], none of them 0."""

    cells: NDArray[np.int32]
    pixels: NDArray[np.int64]

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

    def equals(self, other: PairCounts) -> bool:
        """Whether the same was counted."""
        return np.array_equal(self.cells, other.cells) and np.array_equal(self.pixels, other.pixels)

    def to_rows(self) -> list[list[int]]:
        """[target byte, predicted byte, pixels] of each cell, for JSON; :meth:`from_rows` reads it back."""
        return np.stack([self.cells >> 8, self.cells & 255, self.pixels], axis=1).tolist()  # type: ignore[no-any-return]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]]) -> PairCounts:
        """What :meth:`to_rows` gave."""
        targets, preds, pixels = np.array(rows, np.int64).reshape(-1, 3).T
        return cls((256 * targets + preds).astype(np.int32), pixels)


EMPTY = PairCounts(np.zeros(0, np.int32), np.zeros(0, np.int64))
