"""Memory that is used again: a label map in fresh memory costs several times its decoding in page faults.

An allocator may keep freed memory mapped or give it back to the system, and which of the two it does changes with its settings and with
what else the process has freed. So each thread keeps a few blocks of its own. A block is lent again once nobody refers to it: no array, no
view of one, no tensor made from one. Whoever keeps a map keeps its block, and loses nothing by not knowing of any of this.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Allocate = Callable[[tuple[int, int, int]], NDArray[np.uint8]]
"""Gives uint8 memory of a shape, C-contiguous, with arbitrary content: pinned memory for instance, from which a device is fed."""

KEPT_BLOCKS = 6  # a thread that scores has at most three in use: the target, the prediction and the instances
KEPT_BYTES = 1 << 24  # larger ones are rare, and too much to hold on to
STEP = 1 << 16


class _Blocks(threading.local):
    def __init__(self) -> None:
        self.kept: list[NDArray[np.uint8]] = []


def _references(blocks: list[NDArray[np.uint8]], index: int) -> int:
    return sys.getrefcount(blocks[index])


_UNUSED = _references([np.empty(0, np.uint8)], 0)
_blocks = _Blocks()


def borrow(size: int) -> NDArray[np.uint8]:
    """uint8[size or more] with arbitrary content, owned by this thread until the last reference to it, or to a view of it, is gone."""
    if size > KEPT_BYTES:
        return np.empty(size, np.uint8)
    kept = _blocks.kept
    unused = [index for index in range(len(kept)) if _references(kept, index) == _UNUSED]
    for index in unused:
        if kept[index].size >= size:
            return kept[index]
    if unused:
        del kept[unused[0]]  # too small: the next one takes its place
    elif len(kept) == KEPT_BLOCKS:
        del kept[0]  # whoever uses it owns it now
    kept.append(np.empty(-(-size // STEP) * STEP, np.uint8))
    return kept[-1]


def photograph_room(shape: tuple[int, int, int], allocate: Allocate | None) -> NDArray[np.uint8]:
    """uint8 of a shape, C-contiguous: what ``allocate`` gives, or borrowed without it.

    :raises TypeError: it gives something else.
    """
    if allocate is None:
        size = math.prod(shape)
        return borrow(size)[:size].reshape(shape)
    room = allocate(shape)
    if room.shape != shape or room.dtype != np.uint8 or not room.flags.c_contiguous or not room.flags.writeable:
        raise TypeError(f"memory for a photograph must be uint8{list(shape)}, C-contiguous and writeable")
    return room
