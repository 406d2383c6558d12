"""Single numbers as they are printed: per cents, differences of per cents, p-values and counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from segbench.report.tables.intervals import plus_minus


def percent(fraction: float, half_width: float = math.nan) -> str:
    """A fraction as a per cent with one decimal, and half the width of its interval where it has one; a dash where it is undefined."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:.1f}{plus_minus(half_width)}"


def or_none(value: Any) -> float | None:
    """A number as plain data; nothing where it is undefined."""
    return None if math.isnan(value) else float(value)


def count(number: object) -> str:
    """A count with a thousands suffix: 454.3 M; a dash for what is not known."""
    if not isinstance(number, float | Integral):
        return "–"
    number = float(number)
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {suffix}" if number < 100 * size else f"{number / size:.0f} {suffix}"
    return f"{number:.0f}"


MANY_CLASSES = 254
"""A table of more classes is cut to the first and the last :data:`SHOWN_CLASSES`."""

SHOWN_CLASSES = 20


MOST_DRAWN = 1000
"""Classes of a picture, and of a page that shows them one by one."""


def cut_note(classes: int, shown: int) -> str:
    """Which classes a table shows, where :func:`shown_classes` cut it; else empty."""
    lowest = shown // 2
    return f"of {classes} classes the {lowest} with the lowest and the {shown - lowest} with the highest IoU" if shown < classes else ""


def shown_classes(values: Sequence[float]) -> list[int]:
    """Which classes a table shows: all in their order, or of very many those with the lowest and the highest values, ascending."""
    if len(values) <= MANY_CLASSES:
        return list(range(len(values)))
    order = sorted((index for index, value in enumerate(values) if not math.isnan(value)), key=lambda index: values[index])
    return order if len(order) <= 2 * SHOWN_CLASSES else order[:SHOWN_CLASSES] + order[-SHOWN_CLASSES:]


def signed(fraction: float) -> str:
    """A difference of fractions in per cent points, with its sign; a dash where it is undefined."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:+.1f}"


def interval(low: float, high: float) -> str:
    """The interval of a difference in per cent points; a dash where there is none."""
    return "–" if math.isnan(low) else f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def p_value(value: float) -> str:
    """A p-value with three decimals; a dash where there is none."""
    return "–" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
