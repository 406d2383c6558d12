"""The points that no other beats in both coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence


def pareto_front(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Indices, from left to right, where less x and more y is better. An undefined y is on no front."""
    front: list[int] = []
    for i in sorted((i for i in range(len(x)) if not math.isnan(y[i])), key=lambda i: (x[i], -y[i])):
        if not front or y[i] > y[front[-1]]:
            front.append(i)
    return front
