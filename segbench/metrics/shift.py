"""The shift between conditions: what a model scores on the images of each, fog or night, and how far that is from a reference condition.

The images of two conditions are not the same, so nothing is paired: the images of each are drawn with replacement by themselves, and the
interval is of the difference. Conditions do not hold the same classes (no train in the fog), and a mean over other classes is another
number. So the difference of a mean over classes is over those that the targets of both hold.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.jackknife import MOST_NUMBERS
from segbench.metrics.per_image import PerImage, numbers_of, scores_of, units_of
from segbench.metrics.statistic import Floats
from segbench.metrics.uncertainty import LEVEL, REPLICATES, defining_units, in_order, quantiles, resampled


@dataclass(frozen=True, eq=False)
class Condition:
    """The images of one condition: ``scores`` by name, float64[] or of classes float64[C], with ``bounds`` float64[..., 2].

    ``units`` float64[S, N] are what is drawn, and ``drawn`` float64[S, R] the sums of every replicate. ``held`` bool[C]: which classes the
    targets hold.
    """

    name: str
    images: int
    labels: LabelSpace
    extras: tuple[str, ...]
    units: Floats
    drawn: Floats

    @cached_property
    def total(self) -> Floats:
        """float64[S, 1]: the sums of all images."""
        return np.asarray(self.units.sum(axis=1, keepdims=True))

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """bool[C]: which of the averaged classes the targets hold."""
        classes = len(self.labels.classes)
        averaged = np.isin(np.arange(classes), self.labels.averaged)
        return np.asarray((self.total[classes : 2 * classes, 0] > 0) & averaged)

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """Every score of the condition alone."""
        return {name: values[..., 0] for name, values in scores_of(self.labels, self.total, self.extras).items()}

    @cached_property
    def bounds(self) -> dict[str, Floats]:
        """The interval of each; NaN where fewer than two units define it."""
        defined = defining_units(self.labels, self.units, self.extras)
        drawn = scores_of(self.labels, self.drawn, self.extras)
        return {name: np.where(defined[name][..., None] >= 2, quantiles(values, LEVEL), np.nan) for name, values in drawn.items()}


@dataclass(frozen=True, eq=False)
class Shift:
    """A condition minus the reference, by name of score, with intervals; means over classes are over the ``common`` ones alone."""

    common: tuple[str, ...]
    difference: Mapping[str, Floats]
    bounds: Mapping[str, Floats]


def conditions_of(
    labels: LabelSpace,
    counted: PerImage,
    names: Sequence[str],
    *,
    units: Sequence[Hashable] | None = None,
    replicates: int = REPLICATES,
) -> list[Condition]:
    """The conditions of N images, in the order of their names.

    :param names: the condition of each image.
    :param units: the group of each image that is drawn as one; images by default.
    :raises ValueError: the shapes do not fit together.
    :raises LabelError: so many classes in so many conditions are more than can be drawn.
    """
    if len(names) != len(counted):
        raise ValueError(f"{len(names)} conditions for {len(counted)} images")
    numbers = numbers_of(labels, counted.extras) * (len(counted) + len(set(names)) * replicates)
    if numbers > MOST_NUMBERS:
        raise LabelError(
            f"replicates of {len(set(names))} conditions and {len(labels.classes)} classes would take {25 * numbers / 1e9:.0f} GB; "
            "score each condition by itself, whose intervals draw nothing where classes are so many"
        )
    columns, given = units_of(labels, counted, None), np.array(names)
    found = []
    for name in sorted(set(names)):
        (places,) = (given == name).nonzero()
        own = columns[:, places] if units is None else _added(columns[:, places], [units[place] for place in places])
        own = in_order(np.ascontiguousarray(own))
        drawn = resampled(own, replicates, zlib.crc32(name.encode()))  # draws of its own, which other conditions do not change
        found.append(Condition(name, len(places), labels, counted.extras, own, drawn))
    return found


def shift_of(condition: Condition, reference: Condition) -> Shift:
    """How far a condition is from the reference: scores that both have, ``condition`` minus ``reference``.

    :raises ValueError: the two are of other classes.
    """
    if condition.labels.class_names != reference.labels.class_names:
        raise ValueError("conditions of other classes have no difference")
    names = condition.labels.class_names
    common = tuple(name for name, both in zip(names, condition.held & reference.held, strict=True) if both)
    labels = condition.labels.averaging(common) if common else condition.labels
    extras = tuple(name for name in condition.extras if name in reference.extras)

    def difference(of: str) -> dict[str, Floats]:
        x, y = (scores_of(labels, _only(each, getattr(each, of), extras), extras) for each in (condition, reference))
        return {name: x[name] - y[name] for name in x}

    defined = [defining_units(labels, _only(each, each.units, extras), extras) for each in (condition, reference)]
    observed, drawn = difference("total"), difference("drawn")
    bounds = {
        name: np.where(np.minimum(*(each[name] for each in defined))[..., None] >= 2, quantiles(values, LEVEL), np.nan)
        for name, values in drawn.items()
    }
    if not common:  # no mean over classes is of the same ones
        observed = {name: np.full(values.shape, np.nan) for name, values in observed.items()}
        bounds = {name: np.full(values.shape, np.nan) for name, values in bounds.items()}
    return Shift(common, {name: values[..., 0] for name, values in observed.items()}, bounds)


def _only(condition: Condition, sums: Floats, extras: Sequence[str]) -> Floats:
    """The sums of some extras alone."""
    if tuple(extras) == condition.extras:
        return sums
    first = numbers_of(condition.labels)
    parts, start = [sums[:first]], first
    for name in condition.extras:
        size = numbers_of(condition.labels, [name]) - first
        parts += [sums[start : start + size]] if name in extras else []
        start += size
    return np.concatenate(parts)


def _added(columns: Floats, units: Sequence[Hashable]) -> Floats:
    number = {unit: at for at, unit in enumerate(dict.fromkeys(units))}
    added = np.zeros((len(columns), len(number)))
    np.add.at(added.T, [number[unit] for unit in units], columns.T)
    return added
