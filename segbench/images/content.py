"""The bytes of a file, whatever is in it: of plain files alone, since a pipe or a device would be read for ever."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Protocol

from segbench.errors import ImageError

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Picture(Protocol):
    """What an image is read from: a Path, or a part of a larger file that can be read as one (a page of a stack)."""

    def exists(self) -> bool:
        """Whether the file is there."""

    def read_bytes(self) -> bytes:
        """An encoded image. OSError or ImageError: it cannot be read."""


def read_content(path: Picture) -> bytes:
    """The bytes of a picture's file.

    :raises ImageError: it is missing, cannot be read, is empty or is no plain file.
    """
    try:
        content = _plain_content(path) if isinstance(path, Path) else path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "the file is missing") from None
    except OSError as error:
        problem = _kind(path) or error.strerror
        raise ImageError(path, f"the file cannot be read ({problem})") from None
    if not content:
        raise ImageError(path, "the file is empty")
    return content


def not_in_parts(path: Path, error: OSError) -> ImageError:
    """What is said of a file behind a URL whose store does not give some of it."""
    reason = error.strerror or str(error)
    return ImageError(
        path, f"it is too large to be held, and cannot be read in parts ({reason})", "copy it to a local folder, and name that"
    )


def _plain_content(path: Path) -> bytes:
    """What a file holds. Opening waits for nobody, so a pipe without a writer is refused at once."""
    descriptor = os.open(path, _FLAGS)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(0, f"this is {_KINDS.get(kind, 'no plain file')}")
        with io.FileIO(descriptor, closefd=False) as file:
            return file.readall()
    finally:
        os.close(descriptor)


def _kind(path: Picture) -> str:
    """What a path leads to that cannot even be opened (a socket)."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode) if isinstance(path, Path) else stat.S_IFREG
    except OSError:
        return ""
    return f"this is {_KINDS[kind]}" if kind in _KINDS else ""
