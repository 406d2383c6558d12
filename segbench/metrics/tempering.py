"""The temperature at which a network's NLL is the lowest (Guo et al., ICML 2017), from sums over all pixels at a few temperatures.

The NLL f is convex in the inverse temperature b = 1 / T, so its slope rises, and its lowest point lies where the slope changes its sign.
A first pass over the pixels takes f, f' and f'' at :data:`GRID`, and the sign of f' brackets b. Between two neighbours f' is taken for the
cubic in log b that has their slopes and curvatures; its root is the guess around which a second pass takes them again, at
:data:`AROUND`. The sign of f' brackets b anew, mostly within a few thousandths: that bracket is told as the bound. No pixel is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError

Floats = NDArray[np.float64]

HOTTEST = 32.0
GRID = HOTTEST ** np.linspace(-1, 1, 21)
"""Inverse temperatures of the first pass, from a 32nd to 32; the one in the middle is 1."""
AROUND = np.array([0.8, 0.95, 0.99, 0.998, 0.9995, 1, 1.0005, 1.002, 1.01, 1.05, 1.25])
"""Those of the second, times the guess."""


@dataclass(frozen=True)
class Fitted:
    """A ``temperature``, between ``low`` and ``high``; the mean NLL of ``pixels`` under it and under 1."""

    temperature: float
    low: float
    high: float
    nll: float
    nll_before: float
    pixels: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def guess(sums: Floats) -> float:
    """The inverse temperature that the first pass points at, from float64[1 + 3 G] at :data:`GRID`.

    :raises DataError: no pixel was evaluated, or the lowest NLL is at none of these temperatures.
    """
    return _root(GRID, sums)[0]


def fit(first: Floats, second: Floats) -> Fitted:
    """The temperature, from the sums of both passes.

    :raises DataError: as :func:`guess`.
    """
    middle = guess(first)
    inverses = middle * AROUND
    pixels, at = first[0], len(AROUND) // 2
    try:
        root, low, high = _root(inverses, second)
    except DataError:  # rounding made slopes of which the first pass saw the signs
        root, (low, high) = middle, _bracket(GRID, first)
    return Fitted(1 / root, 1 / high, 1 / low, second[1 + 3 * at] / pixels, first[1 + 3 * (len(GRID) // 2)] / pixels, int(pixels))


def _bracket(inverses: Floats, sums: Floats) -> tuple[float, float]:
    slopes = sums[2::3]
    if not sums[0]:
        raise DataError("no pixel was evaluated", way_out="a temperature is found on a split whose targets hold classes")
    way_out = "find it on other images, such as those of val, or on more of them"
    if slopes[0] >= 0:
        raise DataError(
            f"the NLL is lowest at a temperature above {1 / inverses[0]:g}: the network is hardly better than chance there", way_out=way_out
        )
    if slopes[-1] < 0:
        raise DataError(
            f"the NLL is lowest at a temperature below {1 / inverses[-1]:g}: nearly every pixel is right there", way_out=way_out
        )
    at = int(np.flatnonzero(slopes >= 0)[0])
    return float(inverses[at - 1]), float(inverses[at])


def _root(inverses: Floats, sums: Floats) -> tuple[float, float, float]:
    """Where the slope is 0, and between which two inverses."""
    low, high = _bracket(inverses, sums)
    at = int(np.flatnonzero(inverses == high)[0])
    (a, b), width = sums[2::3][[at - 1, at]], math.log(high / low)
    da, db = width * inverses[[at - 1, at]] * sums[3::3][[at - 1, at]]  # by log b, over the cell
    left, right = 0.0, 1.0
    for _ in range(60):
        x = (left + right) / 2
        value = a * (1 + 2 * x) * (1 - x) ** 2 + b * x * x * (3 - 2 * x) + da * x * (1 - x) ** 2 + db * x * x * (x - 1)
        left, right = (x, right) if value < 0 else (left, x)
    return low * math.exp(width * (left + right) / 2), low, high
