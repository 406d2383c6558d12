"""The difference of two models on the same images, however many: drawn, or of very many units or classes by the jackknife.

By the jackknife both models are one function of the units, T = score of a - score of b, whose U_i is the difference of what the unit moves
either score by (:mod:`segbench.metrics.influence`). What is hard for both cancels out::

    interval = T +- z sqrt(sum_i U_i^2)        p = 2 Phi(-|T| / sqrt(sum_i U_i^2))

A test holds interval and p-value on simulated data, as those of the bootstrap and of the permutation test.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from statistics import NormalDist

import numpy as np

from segbench.labels.space import LabelSpace
from segbench.metrics.extras import STATISTICS
from segbench.metrics.influence import Groups, Units, are_many, spread_of
from segbench.metrics.jackknife import refuse_replicates
from segbench.metrics.ood import STEPPED
from segbench.metrics.per_image import PerImage, mious_of, numbers_of, scores_of
from segbench.metrics.statistic import Floats
from segbench.metrics.uncertainty import (
    LEVEL,
    REPLICATES,
    SEED,
    Comparison,
    Intervals,
    common_extras,
    compare,
    normal_interval,
    refuse_other_images,
    score_p_value,
)


def paired_differences(
    labels: LabelSpace,
    a: PerImage,
    b: PerImage,
    *,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    replicates: int | None = None,
) -> Comparison:
    """The difference of every score, as :func:`~segbench.metrics.uncertainty.compare` says it or the jackknife.

    :param replicates: insists on drawing so many.
    :raises ValueError: the targets of the two differ.
    :raises LabelError: of so many classes so many replicates cannot be held.
    """
    extras = common_extras(a, b)
    units = len(Units(labels, [a], groups))
    if replicates is None and are_many(labels, extras, units, REPLICATES):
        return jackknife_differences(labels, a, b, groups=groups, unit=unit)
    replicates = replicates or REPLICATES
    refuse_replicates(labels, 2 * numbers_of(labels, extras) * max(units, replicates))
    return compare(labels, a, b, groups=groups, unit=unit, replicates=replicates)


def jackknife_differences(
    labels: LabelSpace, a: PerImage, b: PerImage, *, groups: Groups = None, unit: str = "images", level: float = LEVEL
) -> Comparison:
    """The difference of every score by the jackknife. One that fewer than two units define, or that jumps, has neither interval nor
    p-value (NaN).

    :raises ValueError: the targets of the two differ.
    """
    refuse_other_images(a, b)
    extras = common_extras(a, b)
    units = Units(labels, [a.only(extras), b.only(extras)], groups)

    def difference(sums: Floats) -> Mapping[str, Floats]:
        x, y = (scores_of(labels, half, extras) for half in np.split(sums, 2))
        return {name: x[name] - y[name] for name in x}

    found = spread_of(difference, units)
    enough = {name: np.where((found.defined[name] >= 2) & (name not in STEPPED), 1.0, np.nan) for name in found.values}
    deviation = {name: enough[name] * np.sqrt(variance) for name, variance in found.variance.items()}
    p_values = {name: normal_p(values, deviation[name]) for name, values in found.values.items()}
    bounds = {name: normal_interval(values, deviation[name], level) for name, values in found.values.items()}
    return Comparison(found.values, Intervals(bounds, level, 0, 0, len(units), unit, "jackknife"), p_values, False, {}, deviation)


def paired_p_value(labels: LabelSpace, a: PerImage, b: PerImage, *, score: str = "miou", replicates: int = REPLICATES) -> float:
    """The p-value of one score that is of the data set: by drawn exchanges, or of very many units or classes by the jackknife.

    :raises ValueError: the targets of the two differ.
    """
    if not by_jackknife(labels, a, score, replicates):
        return score_p_value(labels, a, b, score=score, replicates=replicates, seed=SEED)
    refuse_other_images(a, b)
    extras = STATISTICS.of_scores([score])
    units = Units(labels, [a.only(extras), b.only(extras)])

    def difference(sums: Floats) -> Mapping[str, Floats]:
        x, y = (mious_of(labels, half) if score == "miou" else scores_of(labels, half, extras)[score] for half in np.split(sums, 2))
        return {score: x - y}

    found = spread_of(difference, units)
    return float(normal_p(found.values[score], np.sqrt(found.variance[score])))


def by_jackknife(labels: LabelSpace, counted: PerImage, score: str, replicates: int = REPLICATES) -> bool:
    """Whether :func:`paired_p_value` draws nothing."""
    return are_many(labels, STATISTICS.of_scores([score]), len(counted), replicates)


def normal_p(values: Floats, deviation: Floats) -> Floats:
    """Two-sided p-values of differences of such standard deviations: 1 where nothing differs, NaN where either is undefined."""

    def of_one(value: float, own: float) -> float:
        if np.isnan(value) or np.isnan(own):
            return np.nan
        if own <= 0:
            return 0.0 if value else 1.0
        return 2 * NormalDist().cdf(-abs(value) / own)

    return np.asarray(np.vectorize(of_one, otypes=[np.float64])(values, deviation))
