"""Student's t: the distribution of a mean whose spread was estimated from few values."""

from __future__ import annotations

import math


def t_cdf(value: float, degrees: float) -> float:
    """The share below ``value`` with so many degrees of freedom, which need not be whole; an infinite number gives the normal one."""
    if math.isinf(degrees) or degrees > 1e7:
        return 0.5 * math.erfc(-value / math.sqrt(2))
    tail = 0.5 * _incomplete_beta(degrees / (degrees + value * value), degrees / 2, 0.5)
    return 1 - tail if value > 0 else tail


def t_quantile(share: float, degrees: float) -> float:
    """The value below which this share lies, 0 < share < 1."""
    if share < 0.5:
        return -t_quantile(1 - share, degrees)
    low, high = 0.0, 1.0
    while t_cdf(high, degrees) < share:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, degrees) < share else (low, middle)
    return (low + high) / 2


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)) / a
    tiny, c, d, result = 1e-300, 1.0, 0.0, 1.0
    for step in range(10_000):
        half = step // 2
        if step == 0:
            numerator = 1.0
        elif step % 2 == 0:
            numerator = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            numerator = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        d = 1 / (d_ if abs(d_ := 1 + numerator * d) > tiny else tiny)
        c = c_ if abs(c_ := 1 + numerator / c) > tiny else tiny
        result *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * (result - 1)
