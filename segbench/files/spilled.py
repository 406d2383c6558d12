"""Numbers that are appended, however many: in memory up to a bound, beyond it in a temporary file that has no name.

What is read back is a copy, so no page of the file stays in the memory of the process, as it would where a file is mapped.
"""

from __future__ import annotations

import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

BOUND = 8 << 20
"""Bytes that are held in memory."""


class Spilled:
    """A row of numbers of one type that only grows. It is written to and read by one thread."""

    def __init__(self, dtype: DTypeLike, bound: int = BOUND) -> None:
        self._file: IO[bytes] | None = None
        self._room: NDArray[Any] = np.empty(64, dtype)
        self._most = max(1, bound // self._room.itemsize)
        self._used = 0  # of the room
        self._written = 0  # numbers in the file, before those in the room

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._written + self._used

    @property
    def in_memory(self) -> bool:
        """Whether all of it is."""
        return self._file is None

    def append(self, values: NDArray[Any]) -> None:
        """Add numbers [K] behind those that are there."""
        end = self._used + len(values)
        if end > self._most:
            self._spill()
            if len(values) > self._most:
                self._write(np.ascontiguousarray(values, self._room.dtype))
                return
            end = len(values)
        if end > len(self._room):
            grown = np.empty(min(max(end, 2 * len(self._room)), self._most), self._room.dtype)
            grown[: self._used] = self._room[: self._used]
            self._room = grown
        self._room[self._used : end] = values
        self._used = end

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The numbers from ``start`` to before ``stop``, a copy."""
        out = np.empty(max(0, stop - start), self._room.dtype)
        from_file = min(max(0, self._written - start), len(out))
        if from_file and self._file is not None:
            self._file.seek(start * out.itemsize)
            if self._file.readinto(out[:from_file].view(np.uint8)) != from_file * out.itemsize:  # type: ignore[attr-defined]
                raise OSError("a temporary file is shorter than what was written to it: is the disk full?")
        first = max(0, start - self._written)
        out[from_file:] = self._room[first : first + len(out) - from_file]
        return out

    def _spill(self) -> None:
        self._write(self._room[: self._used])
        self._used = 0

    def _write(self, values: NDArray[Any]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="segbench-")  # noqa: SIM115 (it goes with this object)
        self._file.seek(0, 2)
        self._file.write(values.view(np.uint8).data)
        self._written += len(values)
