"""How far a score would move with other images of the same kind: bootstrap intervals, and a paired test of two models.

Everything follows from the confusion matrix of every image, shrunk to the S sums that scores are made of
(:mod:`segbench.metrics.per_image`). All replicates are one matrix product::

    sums [S, R] = units [S, N] @ weights [N, R]           weights: how often a replicate drew a unit

in float64, which is exact here: whole numbers whose sums stay below 2^53.

- **Unit**: what is drawn, with replacement: an image, or a group of images (a city, a sequence) where the images of a group resemble each
  other. Images drawn from three cities say nothing of a fourth city; the interval over images is then too narrow.
- **Interval**: percentiles of the replicates in which the score is defined. A score that is defined in fewer than two units has no
  interval (NaN), not one of zero width. With few units it is too narrow: on simulated data the 95 % interval of mIoU covered the truth in
  89 % of cases with 10 units, 92 % with 20, 94 % with 50 and 95 % with 200.
- **Paired difference**: both models get the same weights. The images that are hard for both cancel out.
- **Permutation test**: a mean IoU is no mean over images, so what is exchanged under the hypothesis "the two models are alike" is the pair
  of matrices of a unit. All 2^units exchanges if they are no more than the replicates, else seeded draws and (1 + extreme) / (1 + draws).

The order of the images does not matter: units are sorted by their statistics before anything is drawn. Efron and Tibshirani, "An
Introduction to the Bootstrap" (1993); Phipson and Smyth, "Permutation p-values should never be zero" (2010); Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.files.notebook import Shown
from segbench.labels.space import LabelSpace
from segbench.metrics.cells import Ints
from segbench.metrics.extras import STATISTICS
from segbench.metrics.matrices import different_targets
from segbench.metrics.per_image import PerImage, kind_of, mious_of, score_names, scores_of, units_of
from segbench.metrics.statistic import Floats

Method = Literal["bootstrap", "jackknife"]
METHODS: tuple[Method, ...] = ("bootstrap", "jackknife")
LEVEL = 0.95
REPLICATES = 10_000
SEED = 0

_LATER = ("dice", "precision")  # records from before have none
_BLOCK = 1 << 19  # weights that are held at once: 4 MB
_TIE = 1e-12  # two exchanges that differ by rounding alone


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of every score. ``bounds``: by field name of :class:`~segbench.metrics.scores.Scores`, float64[..., 2] (low, high).

    Class scores are float64[C, 2], ``category_iou`` float64[K, 2] in the order of the label space's categories. ``boundary_miou`` and
    ``boundary_iou`` (C), ``iiou`` and ``class_iiou`` (C), ``v_rand`` and ``v_info`` are there where they were counted. A replicate drew
    ``units`` times, and ``unit`` says what: images, cities. By the ``method`` jackknife (:mod:`segbench.metrics.jackknife`) nothing was
    drawn, and there are no replicates.
    """

    bounds: Mapping[str, Floats]
    level: float
    replicates: int
    seed: int
    units: int
    unit: str
    method: Method = "bootstrap"

    def half_width(self, metric: str) -> Floats:
        """Half the width: what stands behind ``±``."""
        low, high = np.moveaxis(self.bounds[metric], -1, 0)
        return np.asarray((high - low) / 2)

    def to_dict(self, labels: LabelSpace) -> dict[str, Any]:
        """Plain data, classes and categories by name, an undefined interval as ``None``; :meth:`from_dict` reads it back."""
        facts = {"level": self.level, "replicates": self.replicates, "seed": self.seed, "units": self.units, "unit": self.unit}
        facts |= {"method": self.method} if self.method != "bootstrap" else {}
        return facts | {metric: _named(bounds, _names(labels, metric)) for metric, bounds in self.bounds.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], labels: LabelSpace) -> Intervals:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or no pair of numbers.
        """
        extras = STATISTICS.of_scores(data)
        names = [name for name in score_names(labels, extras) if name in data or name not in _LATER]
        bounds = {metric: _unnamed(data[metric], _names(labels, metric)) for metric in names}
        method = data.get("method", "bootstrap")
        if method not in METHODS:
            raise ValueError(f"intervals of the method {method!r}; this segbench knows {' and '.join(METHODS)}")
        numbers = int(data["replicates"]), int(data["seed"]), int(data["units"])
        return cls(bounds, float(data["level"]), *numbers, str(data["unit"]), method)


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Two models on the same images. By field name of ``Scores``: ``difference`` a - b, its interval, and ``p_value``, two-sided.

    ``exact``: the p-values are from all exchanges, not from ``intervals.replicates`` drawn ones. ``drawn``: the difference in every
    replicate, float64[..., R], from which :meth:`interval` takes those of other levels; or, where ``intervals.method`` is the jackknife and
    nothing was drawn, ``deviation``, the standard deviation of the difference.
    """

    difference: Mapping[str, Floats]
    intervals: Intervals
    p_value: Mapping[str, Floats]
    exact: bool
    drawn: Mapping[str, Floats]
    deviation: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What is drawn: images, cities."""
        return self.intervals.unit

    def interval(self, metric: str, level: float) -> Floats:
        """The interval of a difference at another level, float64[..., 2]; NaN where :attr:`intervals` has none."""
        if self.intervals.method == "jackknife":
            return normal_interval(self.difference[metric], self.deviation[metric], level)
        return np.where(np.isnan(self.intervals.bounds[metric]), np.nan, quantiles(self.drawn[metric], level))


def bootstrap(
    labels: LabelSpace,
    per_image: NDArray[np.int64] | PerImage,
    *,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Intervals:
    """Percentile intervals of every score.

    :param per_image: int64[N, C, C+1], the confusion matrix of every image, or all that was counted in it.
    :param groups: the group of each image; by default every image is its own.
    :param unit: what to call the groups in the result.
    :raises ValueError: shapes, level or replicates make no sense.

    >>> import segbench
    >>> counted = segbench.score_folder("preds", segbench.open_dataset("mydata.yaml"))
    >>> intervals = segbench.bootstrap(counted.labels, counted.confusions)
    >>> low, high = intervals.bounds["miou"]
    >>> low < counted.scores.miou < high
    np.True_
    """
    counted = per_image if isinstance(per_image, PerImage) else PerImage(per_image)
    check_level(level, replicates)
    units = in_order(units_of(labels, counted, groups))
    defined = defining_units(labels, units, counted.extras)
    sums = resampled(units, replicates, seed)
    bounds = {name: _percentiles(values, level, defined[name]) for name, values in scores_of(labels, sums, counted.extras).items()}
    return Intervals(bounds, level, replicates, seed, units.shape[1], unit)


def compare(
    labels: LabelSpace,
    a: NDArray[np.int64] | PerImage,
    b: NDArray[np.int64] | PerImage,
    *,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Comparison:
    """The paired bootstrap and the permutation test of two models; ``a`` and ``b`` are of the same images in the same order.

    What was counted for one of them alone is left out.

    :raises ValueError: as :func:`bootstrap`; or the targets of the two differ, so these are not the same images.
    """
    check_level(LEVEL, replicates)
    first, second, extras = _paired_units(labels, a, b, groups)
    both = np.concatenate([first, second])

    def difference(sums: Floats) -> dict[str, Floats]:
        x, y = (scores_of(labels, half, extras) for half in np.split(sums, 2))
        return {name: x[name] - y[name] for name in x}

    observed = difference(both.sum(axis=1, keepdims=True))
    of_units, drawn = difference(both), difference(resampled(both, replicates, seed))
    bounds = {name: _percentiles(values, LEVEL, (~np.isnan(of_units[name])).sum(axis=-1)) for name, values in drawn.items()}
    exact = is_exact(replicates, first.shape[1])
    exchanged = difference(_exchanged(first, second, replicates, seed, exact=exact))
    p_values = {name: p_of(values, observed[name], exact=exact) for name, values in exchanged.items()}
    intervals = Intervals(bounds, LEVEL, replicates, seed, first.shape[1], unit)
    return Comparison({name: values[..., 0] for name, values in observed.items()}, intervals, p_values, exact, drawn)


def _paired_units(
    labels: LabelSpace, a: NDArray[np.int64] | PerImage, b: NDArray[np.int64] | PerImage, groups: Sequence[Hashable] | None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """The units of both, sorted by the sum of both, so that comparing b with a draws the same units; and the extras that both have."""
    a, b = (x if isinstance(x, PerImage) else PerImage(x) for x in (a, b))
    refuse_other_images(a, b)
    extras = common_extras(a, b)
    first, second = (units_of(labels, side.only(extras), groups) for side in (a, b))
    both = in_order(np.concatenate([first + second, first, second]))[len(first) :]
    first, second = np.split(both, 2)
    return first, second, extras


def common_extras(*sides: PerImage) -> tuple[str, ...]:
    """What was counted beside pairs on every side."""
    return tuple(name for name in sides[0].extras if all(name in side.extras for side in sides))


def normal_interval(values: Floats, deviation: Floats, level: float) -> Floats:
    """float64[..., 2]: where the middle ``level`` of a normal distribution around values begins and ends."""
    half = NormalDist().inv_cdf((1 + level) / 2) * deviation
    return np.stack([values - half, values + half], axis=-1)


def refuse_other_images(a: PerImage, b: PerImage) -> None:
    """Check that two sides have the same targets.

    :raises ValueError: they have not; it is said in how many images.
    """
    x, y = a.matrices, b.matrices
    what = ""
    if (len(x), x.classes) != (len(y), y.classes):
        what = f"{len(x)} and {len(y)} images"
    else:
        different = different_targets(x, y)
        what = f"{different} of {len(x)} images have other targets" if different else ""
    if what:
        raise ValueError(f"a paired comparison needs the same images in the same order: {what}")


def score_p_value(
    labels: LabelSpace,
    a: NDArray[np.int64] | PerImage,
    b: NDArray[np.int64] | PerImage,
    *,
    score: str = "miou",
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> float:
    """The p-value of one score in :func:`compare`, that of the mIoU in a tenth of the time; NaN where the score of either is undefined.

    :param score: one that is of the data set, and was counted for both.
    :raises ValueError: as :func:`compare`.
    """
    extras = STATISTICS.of_scores([score])
    a, b = ((x if isinstance(x, PerImage) else PerImage(x)).only(extras) for x in (a, b))
    first, second, _ = _paired_units(labels, a, b, None)
    exact = is_exact(replicates, first.shape[1])

    def values(sums: Floats) -> Floats:
        return mious_of(labels, sums) if score == "miou" else scores_of(labels, sums, extras)[score]

    def difference(sums: Floats) -> Floats:
        x, y = (values(half) for half in np.split(sums, 2))
        return x - y

    observed = difference(np.concatenate([first, second]).sum(axis=1, keepdims=True))
    return float(p_of(difference(_exchanged(first, second, replicates, seed, exact=exact)), observed, exact=exact))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for having made all these tests (Holm's step-down); the order is kept, NaN is no test."""
    adjusted, smallest = list(p_values), 0.0
    tests = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    for rank, (p, i) in enumerate(tests):
        smallest = max(smallest, min(1.0, p * (len(tests) - rank)))
        adjusted[i] = smallest
    return adjusted


def check_level(level: float, replicates: int) -> None:
    """Check what intervals are asked for.

    :raises ValueError: it makes no sense.
    """
    if not 0 < level < 1 or replicates < 1:
        raise ValueError(f"a level lies between 0 and 1 and there is at least one replicate, not {level} and {replicates}")


def in_order(units: Floats) -> Floats:
    """float64[S, N], the same array, with its columns sorted, so that the order of the images does not matter."""
    order = np.lexsort(units[::-1])
    for row in units:
        row[:] = row[order]
    return units


def resampled(units: Floats, replicates: int, seed: int) -> Floats:
    """float64[S, R]: the sums over as many units as there are, drawn with replacement."""
    sums = np.zeros((len(units), replicates))
    for block, weights in drawn_weights(replicates, units.shape[1], seed):
        sums[:, block] = units @ weights.T
    return sums


def drawn_weights(replicates: int, count: int, seed: int) -> Iterator[tuple[slice, Floats]]:
    """How often each of ``count`` units is drawn, float64[rows, count], for some replicates at a time."""
    rng = np.random.default_rng([seed, 0])
    for block in _blocks(replicates, count) if count else ():
        rows = block.stop - block.start
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        yield block, np.bincount(drawn.reshape(-1), minlength=rows * count).reshape(rows, count).astype(np.float64)


def _exchanged(a: Floats, b: Floats, replicates: int, seed: int, *, exact: bool) -> Floats:
    """float64[2 S, R]: the sums of both models after exchanging the two of some units; all ways or ``replicates`` drawn ones."""
    change = np.zeros((len(a), 2 ** a.shape[1] if exact else replicates))
    for block, chosen in exchanges(replicates, a.shape[1], seed, exact=exact):
        change[:, block] = (b - a) @ chosen.T
    return np.concatenate([a.sum(axis=1, keepdims=True) + change, b.sum(axis=1, keepdims=True) - change])


def is_exact(replicates: int, units: int) -> bool:
    """Whether all exchanges of the two of some units are no more than the replicates."""
    return bool(2 ** min(units, 64) <= replicates)


def exchanges(replicates: int, count: int, seed: int, *, exact: bool) -> Iterator[tuple[slice, Floats]]:
    """Which of ``count`` units are exchanged, 0 or 1, float64[rows, count], for some replicates at a time."""
    rng = np.random.default_rng([seed, 1])
    for block in _blocks(2**count if exact else replicates, count):
        numbers = np.arange(block.start, block.stop)[:, None]
        chosen = numbers >> np.arange(count) & 1 if exact else rng.integers(0, 2, (len(numbers), count))
        yield block, chosen.astype(np.float64)


def _blocks(total: int, units: int) -> Iterator[slice]:
    rows = max(1, _BLOCK // max(1, units))
    for start in range(0, total, rows):
        yield slice(start, min(start + rows, total))


def _percentiles(values: Floats, level: float, defined: Ints) -> Floats:
    """float64[..., 2] of float64[..., R], over what is not NaN; NaN where fewer than two units define the score."""
    return np.where(defined[..., None] >= 2, quantiles(values, level), np.nan)


def defining_units(labels: LabelSpace, units: Floats, extras: Sequence[str]) -> dict[str, Ints]:
    """int64[...] of each score: in how many of the units float64[S, N] it is defined."""
    defined: dict[str, Ints] = {}
    at_once = max(1, _BLOCK // len(units))
    for start in range(0, max(1, units.shape[1]), at_once):
        for name, values in scores_of(labels, units[:, start : start + at_once], extras).items():
            there = (~np.isnan(values)).sum(axis=-1)
            defined[name] = defined[name] + there if name in defined else there
    return defined


def quantiles(values: Floats, level: float) -> Floats:
    """float64[..., 2] of float64[..., R]: where the middle ``level`` of what is not NaN begins and ends; NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    defined = (~np.isnan(values)).sum(axis=-1, keepdims=True)
    bounds = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        place = share * np.maximum(defined - 1, 0)
        below = np.floor(place).astype(np.int64)
        low = np.take_along_axis(ordered, below, axis=-1)
        high = np.take_along_axis(ordered, np.minimum(below + 1, np.maximum(defined - 1, 0)), axis=-1)
        bounds.append(low + (high - low) * (place - below))
    return np.concatenate(bounds, axis=-1)


def p_of(values: Floats, observed: Floats, *, exact: bool) -> Floats:
    """Share of the exchanges whose difference is at least the observed one. One that has no difference counts as extreme."""
    extreme = (~(np.abs(values) < np.abs(observed) - _TIE)).sum(axis=-1)
    total = values.shape[-1]
    share = extreme / total if exact else (1 + extreme) / (1 + total)
    return np.asarray(np.where(np.isnan(observed[..., 0]), np.nan, share))


def _names(labels: LabelSpace, metric: str) -> tuple[str, ...] | None:
    return {"one": None, "class": labels.class_names, "category": labels.categories}[kind_of(metric)]


def _named(bounds: Floats, names: Sequence[str] | None) -> Any:
    if names is None:
        low, high = bounds.tolist()
        return None if math.isnan(low) else [low, high]
    return {name: _named(pair, None) for name, pair in zip(names, bounds, strict=True)}


def _unnamed(data: Any, names: Sequence[str] | None) -> Floats:
    if names is None:
        low, high = (math.nan, math.nan) if data is None else data
        return np.array([low, high], np.float64)
    return np.array([_unnamed(data[name], None) for name in names]).reshape(len(names), 2)
