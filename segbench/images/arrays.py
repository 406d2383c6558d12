"""Label maps that numpy saved: one array [H, W] in an .npy or .npz file."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.files.foreign import NOT_ARRAYS
from segbench.images.content import Picture

SIGNATURES = (b"\x93NUMPY", b"PK\x03\x04")


def read_array(path: Picture, content: bytes) -> NDArray[Any]:
    """Numbers [H, W] of any type, also of [1, H, W] and [H, W, 1].

    :raises ImageError: the file holds no array, several, or one of another shape.
    """
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else _only(path, loaded)
        if not isinstance(array, np.ndarray):
            raise ImageError(path, "this is a zip archive without a NumPy array; it is not a picture")
    except ImageError:
        raise
    except (OSError, *NOT_ARRAYS) as error:
        raise ImageError(path, f"this NumPy file cannot be read ({error})") from None
    if array.dtype.kind not in "biuf":
        raise ImageError(path, f"a NumPy array of {array.dtype}; a label map is whole numbers")
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        scores = "; of scores or one-hot channels save the argmax" if array.ndim == 3 else ""
        raise ImageError(path, f"a NumPy array {array.dtype}{list(array.shape)}; a label map is [H, W]{scores}")
    return array


def _only(path: Picture, arrays: Any) -> NDArray[Any]:
    if len(arrays.files) != 1:
        raise ImageError(path, f"{len(arrays.files)} arrays ({', '.join(arrays.files[:8])}); a label map is one")
    only: NDArray[Any] = arrays[arrays.files[0]]
    return only
