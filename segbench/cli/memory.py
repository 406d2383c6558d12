"""Too little memory, however a library says it: one sentence with what helps in the command at hand."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

SAID = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|can't start new thread|failed to map segment|bad_alloc|unable to allocate|"
    r"without setting an exception|without exception set",
    re.IGNORECASE,
)
"""How libraries say it: torch, the system, CUDA, threads, the loader of shared libraries, C++, numpy; C that forgot to say anything."""
WAYS_OUT = {
    "score": "--workers 1 holds fewer pictures at once",
    "pack": "--workers 1 holds fewer pictures at once",
    "run": "name fewer models at once, or let windows slide over large images with --crop (which is part of the protocol)",
    "train": "train with a smaller --batch-size or --crop, and go on with --resume if there is a checkpoint",
    "profile": "measure smaller --sizes or a smaller --batch",
}


def too_little_memory(error: BaseException, command: str | None) -> str | None:
    """What to say of an error that memory is behind, also where it was caught and another was raised; ``None`` of any other."""
    if not any(_says_so(each) for each in _chain(error)):
        return None
    help_there = WAYS_OUT.get(command or "", "")
    return "\n  ".join(
        ["there is not enough memory for this", *filter(None, [help_there, "close other programs, or raise the limit (ulimit -v)"])]
    )


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError | ImportError | OSError | SystemError) and SAID.search(str(error)) is not None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
