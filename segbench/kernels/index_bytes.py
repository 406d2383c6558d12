"""Class indices of a wide integer type to the bytes that are counted, in one pass over them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

VOID, STRAY = 255, 254
"""Bytes that are no class index: a pixel that is not evaluated; a value that is neither a class index nor void."""


def index_bytes(values: NDArray[Any], classes: int, ignore: int) -> NDArray[np.uint8]:
    """uint8 of the shape of ``values``: the class index; :data:`VOID` where it is ``ignore``, :data:`STRAY` where it is anything else.

    :param values: integers of any type and shape. int64 and int32 have a kernel, others are brought to int64 first.
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype not in (np.int64, np.int32):
        flat = flat.astype(np.int64)
    out = np.empty(flat.shape, np.uint8)
    _fill(flat, np.int64(classes), np.int64(ignore), out)
    return out.reshape(values.shape)


@kernel
def _fill(values: Any, classes: Any, ignore: Any, out: Any) -> None:  # pragma: no cover (compiled)
    for i in range(values.size):
        value = np.int64(values[i])
        byte = np.uint8(STRAY)
        if 0 <= value < classes:
            byte = np.uint8(value)
        if value == ignore:
            byte = np.uint8(VOID)
        out[i] = byte
