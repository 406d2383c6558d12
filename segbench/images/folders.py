"""Which files are below a folder, and which of them can be label maps.

Folders that are linked to are folders. What is below a folder that cannot be read, or behind a link that leads nowhere, would be left out:
that is an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from segbench.errors import DataError
from segbench.files.name_list import NameList
from segbench.files.remote import RemotePath

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm"})
RARE_SUFFIXES = frozenset({".webp", ".npy", ".npz", ".ppm", ".pnm", ".pbm", ".apng", ".jp2"})
"""Of label maps where there is none of the others: what lies beside these with such an ending is usually something else."""

SHOWN = 4


def files_below(root: Path) -> Iterator[Path]:
    """Every visible file below a folder, in sorted order, folder by folder; links are followed, but not in circles.

    :raises DataError: a folder cannot be read, or a link without an ending leads nowhere.
    """
    return (root / name for name in names_below(root))


def names_below(root: Path) -> Iterator[str]:
    """The same as names below the folder, with slashes.

    :raises DataError: as :func:`files_below`.
    """
    yield from root.names_below() if isinstance(root, RemotePath) else _walk(root, "", frozenset({_identity(root)}))


def _walk(folder: Path, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    files, folders = _entries(folder)
    for name in files:
        if not _ending(name)[1:].isalpha():
            refuse_dead_link(Path(folder, name))
        yield prefix + name
    del files
    for name in folders:
        path = Path(folder, name)
        identity = _identity(path)
        if identity not in above:  # or it leads back to where we are
            yield from _walk(path, f"{prefix}{name}/", above | {identity})


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The visible files of a folder, and the folders in it, sorted. Names alone: there may be a million.

    :raises DataError: it cannot be read.
    """
    files, folders = list[str](), list[str]()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        raise DataError(
            f"{folder}: this folder cannot be read ({error.strerror})", way_out="make it readable, or move it elsewhere"
        ) from None
    return sorted(files), sorted(folders)


def require_folder(path: Path) -> None:
    """Check that what may be a folder does not hide files: it can be read, or is no link that leads nowhere.

    :raises DataError: it does.
    """
    refuse_dead_link(path)
    if path.is_dir() and not isinstance(path, RemotePath):
        _entries(path)


def refuse_dead_link(path: Path) -> None:
    """A link without an ending, or with numbers as one (``v1.0``), was one to a folder.

    :raises DataError: it leads nowhere.
    """
    if not path.suffix[1:].isalpha() and path.is_symlink() and not path.exists():
        raise DataError(f"{path}: this link leads nowhere ({os.readlink(path)})", way_out="mend it, or remove it")


def files_in_folders(root: Path, suffix: str) -> list[Path]:
    """Files ``*/*SUFFIX`` below a folder, in sorted order; none where there is no such folder.

    :raises DataError: see :func:`files_below`.
    """
    if not root.is_dir():
        return []
    return [path for path in files_below(root) if path.name.endswith(suffix) and path.parent.parent == root]


def _identity(folder: Path) -> tuple[int, int]:
    try:
        state = os.stat(folder)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from None
    return state.st_dev, state.st_ino


def label_map_files(root: Path) -> Iterator[Path]:
    """Every file below a folder that can hold a label map, in sorted order: of the usual kinds, or if there is none of the rare ones.

    :raises DataError: see :func:`files_below`.
    """
    usual, rare = by_kind(files_below(root))
    yield from usual or rare


def by_kind(files: Iterator[Path]) -> tuple[list[Path], list[Path]]:
    """Files that can hold label maps: those with usual endings, and those with rare ones."""
    usual, rare = [], []
    for path in files:
        ending = _ending(path.name if isinstance(path, RemotePath) else str(path))
        if ending in SUFFIXES:
            usual.append(path)
        elif ending in RARE_SUFFIXES:
            rare.append(path)
    return usual, rare


def names_by_kind(root: Path) -> tuple[NameList, NameList]:
    """Names below a folder of files that can hold label maps: those with usual endings, and those with rare ones.

    :raises DataError: as :func:`files_below`.
    """
    usual, rare = NameList(), NameList()
    for name in names_below(root):
        ending = _ending(name)
        if ending in SUFFIXES:
            usual.append(name)
        elif ending in RARE_SUFFIXES:
            rare.append(name)
    return usual, rare


def _ending(name: str) -> str:
    """As ``Path(name).suffix.lower()``, without making a path of it; of a hidden file too."""
    _, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and "/" not in ending else ""


def what_lies_in(root: Path) -> str:
    """The kinds of files below a folder, for an error: ``12 .jpg, 3 .json``."""
    endings = Counter(path.suffix.lower() or "without an ending" for path in files_below(root))
    listed = ", ".join(f"{number} {ending}" for ending, number in sorted(endings.items(), key=lambda kind: (-kind[1], kind[0]))[:SHOWN])
    lossy = "; JPEG is lossy, so it holds no label maps" if {".jpg", ".jpeg"} & endings.keys() else ""
    return f"it holds {listed or 'no files'}{lossy}"
