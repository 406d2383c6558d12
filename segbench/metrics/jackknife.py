"""Intervals of very many images, without drawing any: those of the infinitesimal jackknife (:mod:`segbench.metrics.influence`).

    interval = T +- z sqrt(variance), within 0..1, or above 0

A test holds its coverage beside the bootstrap's. Of a class that a handful of the units hold the normal distribution is as bad a guess as
the few units are: such an interval is too narrow by either method.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.calibration import UNBOUNDED
from segbench.metrics.influence import Units, are_many, spread_of
from segbench.metrics.ood import STEPPED
from segbench.metrics.per_image import PerImage, numbers_of, scores_of
from segbench.metrics.uncertainty import LEVEL, REPLICATES, Intervals, bootstrap, check_level, normal_interval

MOST_NUMBERS = 1 << 27
"""Sums that a bootstrap is allowed where somebody insists on it: three gigabytes, with what is made of them."""


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
    units = len(Units(labels, [counted], groups))
    if replicates is None and are_many(labels, counted.extras, units, REPLICATES):
        return jackknife(labels, counted, groups=groups, unit=unit)
    replicates = replicates or REPLICATES
    refuse_replicates(labels, numbers_of(labels, counted.extras) * max(units, replicates))
    return bootstrap(labels, counted, groups=groups, unit=unit, replicates=replicates)


def refuse_replicates(labels: LabelSpace, numbers: int) -> None:
    """Check that as many sums as somebody insists on drawing can be held.

    :raises LabelError: they cannot.
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

    A score that fewer than two units define has no interval (NaN), and neither has one that jumps: FPR at 95 % recall.

    :raises ValueError: shapes or level make no sense.
    """
    check_level(level, 1)
    counted = per_image if isinstance(per_image, PerImage) else PerImage(per_image)
    units = Units(labels, [counted], groups)
    found = spread_of(lambda sums: scores_of(labels, sums, counted.extras), units)
    bounds = {}
    for name, values in found.values.items():
        most = math.inf if name in UNBOUNDED else 1.0
        around = np.clip(normal_interval(values, np.sqrt(found.variance[name]), level), 0, most)
        bounds[name] = np.where(found.defined[name][..., None] >= 2, around, np.nan)
    bounds |= {name: np.full_like(bounds[name], np.nan) for name in STEPPED if name in bounds}
    return Intervals(bounds, level, 0, 0, len(units), unit, "jackknife")
