"""By how much every unit moves a score: what the infinitesimal jackknife is made of, without drawing any unit.

A score is a smooth function T of the sums over N units, and U_i is what it changes by if unit i counts infinitesimally more than once::

    U_i = dT / d(weight of unit i)        variance of T = sum_i U_i^2

It is the limit of the bootstrap for many units, at the cost of one pass over them instead of drawing N of them 10 000 times (Jaeckel 1972;
Efron, "Nonparametric estimates of standard error: the jackknife, the bootstrap and other methods", Biometrika 1981). U_i is a difference
quotient of the scores themselves, so a new score, or the difference of two, needs nothing here. Units are gone through in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.per_image import PerImage, numbers_of, total_of, unit_blocks, units_of
from segbench.metrics.statistic import Floats

MANY_UNITS = 20_000
"""Up to here units are drawn: bootstrap and jackknife agree long before, and drawing takes half a minute there."""

MANY_NUMBERS = 1 << 26
"""Sums that drawing may hold: half a gigabyte."""

_STEP = 2.0**-10  # of a unit's weight: far above what is lost by rounding, and the scores are straight over it
_AT_ONCE = 1 << 18  # sums of a block
Groups = Sequence[Hashable] | None


def are_many(labels: LabelSpace, extras: Sequence[str], units: int, replicates: int) -> bool:
    """Whether there are more units, or sums of so many classes, than drawing is good for."""
    return units > MANY_UNITS or numbers_of(labels, extras) * max(units, replicates) > MANY_NUMBERS


@dataclass(frozen=True, eq=False)
class Units:
    """The same images under one or several models (``sides``), one by one or in ``groups``: columns of sums, a side below the other."""

    labels: LabelSpace
    sides: Sequence[PerImage]
    groups: Groups = None

    def __len__(self) -> int:
        return len(self.sides[0]) if self.groups is None else len(set(self.groups))

    @cached_property
    def total(self) -> Floats:
        """float64[sides * S, 1]: the sums of all of them."""
        return np.concatenate([total_of(self.labels, each) for each in self.sides])

    def blocks(self) -> Iterator[Floats]:
        """float64[sides * S, n] of some of them at a time."""
        if self.groups is not None:
            yield np.concatenate([units_of(self.labels, each, self.groups) for each in self.sides])
            return
        at_once = max(1, _AT_ONCE // len(self.total))
        for first in range(0, len(self), at_once):
            last = min(first + at_once, len(self))
            yield np.concatenate([self._columns(each, first, last) for each in self.sides])

    def _columns(self, side: PerImage, first: int, last: int) -> Floats:
        return np.concatenate([block for _, block in unit_blocks(self.labels, side, first, last)], axis=1)


Scores = Mapping[str, Floats]
"""By name float64[..., R] of R columns of sums."""


def influences(of: Callable[[Floats], Scores], units: Units) -> Iterator[tuple[Scores, Scores]]:
    """Of some units at a time U_i of each score, float64[..., n], and the scores that these units have alone."""
    whole = of(units.total)
    for block in units.blocks():
        moved = of(units.total + _STEP * block)
        yield {name: (moved[name] - values) / _STEP for name, values in whole.items()}, of(block)


class Spread(NamedTuple):
    """Of each score its value and variance, float64[...], and in how many units it is defined, int64[...]."""

    values: Mapping[str, Floats]
    variance: Mapping[str, Floats]
    defined: Mapping[str, NDArray[np.int64]]


def spread_of(of: Callable[[Floats], Scores], units: Units) -> Spread:
    """The variance of every score by the jackknife.

    :param of: scores of columns of sums, as :meth:`Units.blocks` gives them.
    """
    values = {name: scores[..., 0] for name, scores in of(units.total).items()}
    variance = {name: np.zeros(each.shape) for name, each in values.items()}
    defined = {name: np.zeros(each.shape, np.int64) for name, each in values.items()}
    for moved, alone in influences(of, units):
        for name in values:
            variance[name] += np.square(moved[name]).sum(axis=-1)
            defined[name] += (~np.isnan(alone[name])).sum(axis=-1)
    return Spread(values, variance, defined)
