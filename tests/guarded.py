"""Arrays that end, or begin, exactly where memory does: reading or writing one byte beyond them ends the process."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

needs_guards = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")


def guarded(values: NDArray[np.generic], *, at_end: bool = True) -> NDArray[np.generic]:
    """A copy of an array, between two pages that must not be touched: its end lies at the second one, or its beginning at the first."""
    page = mmap.PAGESIZE
    pages = -(-max(values.nbytes, 1) // page)
    memory = mmap.mmap(-1, (pages + 2) * page)
    start = page + (pages * page - values.nbytes if at_end else 0)
    copy = np.frombuffer(memory, values.dtype, values.size, start).reshape(values.shape)
    copy[...] = values
    libc = ctypes.CDLL(None, use_errno=True)
    first = np.frombuffer(memory, np.uint8).ctypes.data
    for address in (first, first + (pages + 1) * page):
        if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return copy
