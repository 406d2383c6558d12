"""Fractions as the page has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def tenths(fractions: ArrayLike) -> list[Any]:
    """Fractions of any shape as whole tenths of a per cent, rounded as :func:`~segbench.report.tables.numbers.percent` rounds.

    ``None`` where undefined.
    """
    values = np.asarray(fractions, np.float64)
    if values.ndim > 1:
        return [tenths(row) for row in values]
    return [None if math.isnan(value) else round(float(f"{100 * value:.1f}") * 10) for value in values.tolist()]
