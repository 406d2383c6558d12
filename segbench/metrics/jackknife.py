"""Intervals of very many images, without drawing any: the infinitesimal jackknife.

A score is a smooth function T of the sums over N units, and U_i is what it changes by if unit i counts infinitesimally more than once::

    U_i = dT / d(weight of unit i)        variance of T = sum_i U_i^2         interval = T +- z sqrt(variance), within 0..1, or above 0

It is the limit of the bootstrap for many units, at the cost of one pass over them instead of drawing N of them 10 000 times (Jaeckel 1972;
Efron, "Nonparametric estimates of standard error: the jackknife, the bootstrap and other methods", Biometrika 1981). U_i is a difference
quotient of the scores themselves, so a new score needs nothing here. A test holds its coverage beside the bootstrap's. Of a class that a
handful of the units hold the normal distribution is as bad a guess as the few units are: such an interval is too narrow by either method.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.calibration import UNBOUNDED
from segbench.metrics.per_image import PerImage, numbers_of, scores_of, total_of, unit_blocks, units_of
from segbench.metrics.statistic import Floats
from segbench.metrics.uncertainty import LEVEL, REPLICATES, Intervals, bootstrap, check_level

MANY_UNITS = 20_000
"""Up to here intervals are drawn: bootstrap and jackknife agree long before, and drawing takes half a minute there."""

MANY_NUMBERS = 1 << 26
"""Sums that a bootstrap may hold: half a gigabyte."""

MOST_NUMBERS = 1 << 27
"""Sums that a bootstrap is allowed where somebody insists on it: three gigabytes, with what is made of them."""

_STEP = 2.0**-10  # of a unit's weight: far above what is lost by rounding, and the scores are straight over it


def intervals(
    labels: LabelSpace,
    counted: PerImage,
    *,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    replicates: int | None = None,
) -> Intervals:
    """Intervals of every score: those of the bootstrap, or of more units or classes than that is good for those of the jackknife.

    :param replicates: insists on a bootstrap of so many.
    :raises LabelError: of so many classes so many replicates cannot be held.
    """
    units = len(counted) if groups is None else len(set(groups))
    numbers = numbers_of(labels, counted.extras) * max(units, REPLICATES)
    if replicates is None and (units > MANY_UNITS or numbers > MANY_NUMBERS):
        return jackknife(labels, counted, groups=groups, unit=unit)
    refuse_replicates(labels, numbers_of(labels, counted.extras) * max(units, replicates or REPLICATES))
    return bootstrap(labels, counted, groups=groups, unit=unit, replicates=replicates or REPLICATES)


def refuse_replicates(labels: LabelSpace, numbers: int) -> None:
    """Check that a bootstrap that somebody insists on can be held.

    :raises LabelError: it cannot.
    """
    if numbers > MOST_NUMBERS:
        raise LabelError(
            f"so many replicates of {len(labels.classes)} classes would take {25 * numbers / 1e9:.0f} GB; "
            "leave out --replicates, or ask for fewer: the jackknife gives intervals without drawing any"
        )


def jackknife(
    labels: LabelSpace,
    per_image: NDArray[np.int64] | PerImage,
    *,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    level: float = LEVEL,
) -> Intervals:
    """Intervals of every score by the infinitesimal jackknife; the arguments are those of :func:`~segbench.bootstrap`.

    A score that fewer than two units define has no interval (NaN).

    :raises ValueError: shapes or level make no sense.
    """
    check_level(level, 1)
    counted = per_image if isinstance(per_image, PerImage) else PerImage(per_image)
    if groups is None:
        units, total = len(counted), total_of(labels, counted)
        blocks: Iterator[Floats] = (block for _, block in unit_blocks(labels, counted))
    else:
        grouped = units_of(labels, counted, groups)
        units, total = grouped.shape[1], grouped.sum(axis=1, keepdims=True)
        blocks = iter([grouped])
    whole = scores_of(labels, total, counted.extras)
    variance = {name: np.zeros(values.shape[:-1]) for name, values in whole.items()}
    defined = {name: np.zeros(values.shape[:-1], np.int64) for name, values in whole.items()}
    for block in blocks:
        moved, own = (scores_of(labels, sums, counted.extras) for sums in (total + _STEP * block, block))
        for name, values in whole.items():
            variance[name] += np.square((moved[name] - values) / _STEP).sum(axis=-1)
            defined[name] += (~np.isnan(own[name])).sum(axis=-1)
    width = NormalDist().inv_cdf((1 + level) / 2)
    bounds = {
        name: _around(values[..., 0], width * np.sqrt(variance[name]), defined[name], math.inf if name in UNBOUNDED else 1.0)
        for name, values in whole.items()
    }
    return Intervals(bounds, level, 0, 0, units, unit, "jackknife")


def _around(values: Floats, half: Floats, defined: NDArray[np.int64], most: float) -> Floats:
    """float64[..., 2]: so far below and above, within 0 and ``most``; NaN where fewer than two units define the score."""
    bounds = np.clip(np.stack([values - half, values + half], axis=-1), 0, most)
    return np.where(defined[..., None] >= 2, bounds, np.nan)
