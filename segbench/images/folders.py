"""Which files below a folder can be label maps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm"})


def label_map_files(root: Path) -> Iterator[Path]:
    """Every file below a folder that can hold a label map, in sorted order."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):
                yield Path(folder, name)
