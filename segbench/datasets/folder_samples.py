"""The targets of a folder as samples, each made when it is asked for: a million of them are some megabytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from segbench.datasets.base import Sample
from segbench.files.name_list import NameList, stem_of


class FolderSamples(Sequence[Sample]):
    """Samples whose targets are ``names`` below ``root``; a name without its ending is the id."""

    def __init__(self, root: Path, names: NameList) -> None:
        self.root, self.names = root, names

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Sample, ...]: ...

    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:
        if isinstance(index, slice):
            return tuple(self._sample(name) for name in self.names[index])
        return self._sample(self.names[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _sample(self, name: str) -> Sample:
        return Sample(stem_of(name), None, self.root / name)
