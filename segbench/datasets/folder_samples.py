"""The targets of a folder as samples, each made when it is asked for: a million of them are some megabytes."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Sample
from segbench.files.made import Made
from segbench.files.name_list import NameList, stem_of


class FolderSamples(Made[Sample]):
    """Samples whose targets are ``names`` below ``root``; a name without its ending is the id."""

    def __init__(self, root: Path, names: NameList) -> None:
        self.root, self.names = root, names

    def __len__(self) -> int:
        return len(self.names)

    def made(self, place: int) -> Sample:
        """The sample at a place."""
        name = self.names[place]
        return Sample(stem_of(name), None, self.root / name)
