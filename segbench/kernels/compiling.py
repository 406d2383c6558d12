"""Compiling kernels with numba, and keeping what was compiled; where nothing can be kept, everything still runs.

numba keeps machine code beside the source or in the user's cache folder, and fails where it can write to neither, or where a disk is full.
Here such a process uses a folder of its own user among the temporary files, or keeps nothing at all, and says so once.
"""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core import caching as numba_caching

caching: Any = numba_caching  # numba has annotations, and they are not complete
config: Any = numba.config

Function = Callable[..., Any]


def kernel(function: Function) -> Any:
    """Compiles a function at its first call, without Python's lock, and keeps the machine code for other processes."""
    dispatcher: Any = numba.njit(nogil=True)(function)
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError:  # neither beside the source nor in the user's cache folder
        _use_temporary_folder(dispatcher, function)
    return dispatcher


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """Machine code that is kept as long as that works. What cannot be read is compiled again."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # of a damaged file pickle raises anything
            with suppress(OSError):
                Path(self._cache_file._index_path).unlink(missing_ok=True)  # or saving would read it again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self.disable()
            _say(f"compiled kernels cannot be kept ({error.strerror or error}: {error.filename or self.cache_path})")


def _use_temporary_folder(dispatcher: Any, function: Function) -> None:
    folder = private_folder(Path(tempfile.gettempdir()))
    if folder is None:
        _say("compiled kernels cannot be kept: no folder can be written to")
        return
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        dispatcher._cache = _Cache(function)
        _say(f"compiled kernels are kept in {folder}, as no other folder can be written to", slow=False)
    except RuntimeError:
        _say("compiled kernels cannot be kept: no folder can be written to")
    finally:
        config.CACHE_DIR = before


def private_folder(parent: Path) -> Path | None:
    """A folder that nobody else can write to, for machine code is run unseen; ``None`` where there can be none."""
    folder = parent / f"segbench-kernels-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISDIR(found.st_mode)):
        return None
    return folder


_said: set[str] = set()


def _say(problem: str, *, slow: bool = True) -> None:
    if not _said:
        _said.add(problem)
        consequence = "; they are compiled again in every process. NUMBA_CACHE_DIR=FOLDER names one that can be written to" if slow else ""
        warnings.warn(problem + consequence, RuntimeWarning, stacklevel=2)
