"""What kernels over two label maps ask of them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def require_two_maps(target: NDArray[Any], pred: NDArray[Any]) -> None:
    """Check that a target and a prediction are maps of one size.

    :raises ValueError: they are not [H, W] both, or their sizes differ.
    """
    if target.shape != pred.shape or target.ndim != 2:
        raise ValueError(f"target {target.shape} and prediction {pred.shape} are not two maps of one size")
