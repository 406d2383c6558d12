"""Numbers that must be whole, and those that no byte holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.content import Picture

SHOWN = 6
LARGEST = {2**bits - 1 for bits in (15, 16, 31, 32, 63, 64)}  # of types: they stand for no data


def require_whole(path: Picture, values: NDArray[Any], what: str) -> NDArray[Any]:
    """Numbers [H, W] as an integer type; floats are fine if each is whole.

    :raises ImageError: one is not, or is no number; it is shown.
    """
    dtype = values.dtype
    if dtype == np.bool_:
        return values.astype(np.uint8)
    if values.dtype.kind != "f":
        return values
    if (lost := np.isnan(values)).any():
        raise ImageError(path, f"{values.dtype} with {int(lost.sum())} pixels that are no number (NaN); {what} is whole numbers")
    values = values.astype(np.float64, copy=False)
    whole = np.rint(values)
    if (broken := (whole != values) | (np.abs(whole) > 2**62)).any():
        examples = ", ".join(f"{value:g}" for value in np.unique(values[broken])[:SHOWN].tolist())
        raise ImageError(path, f"{dtype} with values such as {examples}; {what} is whole numbers")
    numbers: NDArray[np.int64] = whole.astype(np.int64)
    return numbers


def outside(values: NDArray[Any], levels: int = 256) -> NDArray[Any]:
    """The values that are not in 0..levels - 1, each once."""
    if values.dtype == np.uint8 or not values.size or (int(values.min()) >= 0 and int(values.max()) < levels):
        return np.zeros(0, np.int64)
    return np.unique(values[(values < 0) | (values >= levels)])


def describe_wide(wide: NDArray[Any], nodata: str = "", levels: int = 256) -> str:
    """What is wrong with values that no byte holds, or no 16 bits. ``nodata``: the one that stands for no data, as the file says."""
    shown = [f"{value} (its nodata)" if _is(nodata, value) else str(value) for value in wide[:SHOWN].tolist()]
    more = f" and {len(wide) - SHOWN} more, up to {wide[-1]}," if len(wide) > SHOWN else ""
    several, kind = len(wide) > 1, "bytes" if levels == 256 else "16 bits"
    reason = f"the value{'s' * several} {', '.join(shown)}{more} do{'es' * (not several)} not fit a label map of {kind}"
    return reason + ("; is this an instance map?" if int(wide[-1]) > 1000 and int(wide[-1]) not in LARGEST else "")


def _is(nodata: str, value: int) -> bool:
    try:
        return float(nodata) == value
    except ValueError:
        return False
