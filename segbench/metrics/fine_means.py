"""More than one mean: image by image, class by class, the worst images, and the foreground, with intervals of each.

IoU_ic is the IoU of class c in image i; it is there where the target of the image has pixels of the class, whatever is predicted. Wang et
al., "Revisiting Evaluation Metrics for Semantic Segmentation: Optimization and Evaluation of Fine-grained Intersection over Union" (NeurIPS
2023 D&B), define, and their code (github.com/zifuwanggg/JDTLosses, metrics/accuracy_metric.py) computes::

    mIoU^D     mean over c of the IoU over the pixels of all images                       the mIoU of everywhere else
    mIoU^I     mean over i of (mean over c of IoU_ic)
    mIoU^C     mean over c of (mean over i of IoU_ic)
    mIoU^I,q   as mIoU^I, over the max(1, floor(q % of N)) images where it is lowest
    mIoU^C,q   as mIoU^C, of each class over the max(1, floor(q % of its images)) images where its IoU is lowest

A class that no target holds leaves these means; there it is NaN or 10^6. It leaves mIoU^D only if it is not predicted either.

**Foreground**: Dice and IoU of some classes, their mean over classes. *Over pixels*: of all images together. *Per image*, *per group*: the
mean over images, or over groups (patients) whose pixels are put together first. What an image without the class gives is a convention
(:data:`EMPTY`), and the results differ by tens of points, so all of them are told by name.

Intervals are those of a bootstrap over images, or over groups. A worst image may be drawn several times, and is then several images.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.conventions import foreground
from segbench.metrics.image_scores import class_iou
from segbench.metrics.matrices import ClassSums
from segbench.metrics.per_image import PerImage
from segbench.metrics.uncertainty import (
    LEVEL,
    REPLICATES,
    SEED,
    drawn_weights,
    exchanges,
    is_exact,
    p_of,
    quantiles,
    refuse_other_images,
)

Floats = NDArray[np.float64]

WORST = (5, 1)
"""Per cent of the images."""
EMPTY = {
    "in neither target nor prediction: left out": np.nan,
    "in neither target nor prediction: 1": 1.0,
    "in neither target nor prediction: 0": 0.0,
}
"""What a class gives in an image that has none of it. One that is predicted where the target has none gives 0 in all of these."""
OF_TARGETS = "not in the target: left out"
"""The fourth convention: what is predicted there does not matter either."""
MANY_VALUES = 1 << 21
"""IoUs of images; of more than these a tenth of the replicates is drawn."""
MOST_VALUES = 1 << 25
"""IoUs of images that are held at once."""
MOST_CLASSES = 4096
"""The worst images of each class are looked for class by class, in every replicate."""
_NUMBERS = 1 << 22  # of each array that is made of some replicates


@dataclass(frozen=True)
class Mean:
    """A mean as a fraction and its interval; NaN where undefined."""

    name: str
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Means:
    """``fine``: by Wang et al. ``of_foreground``: Dice and IoU of the classes ``foreground``; empty where nobody says which they are.

    ``over``: the classes whose IoU is averaged. ``units`` of ``unit`` (images, patients) were drawn in each of ``replicates``.
    """

    fine: tuple[Mean, ...]
    of_foreground: tuple[Mean, ...]
    over: tuple[str, ...]
    foreground: tuple[str, ...]
    units: int
    unit: str
    replicates: int


@dataclass(frozen=True)
class Asked:
    """Which classes are averaged, by index; those of the label space, and those that are no background, unless said otherwise."""

    over: Sequence[int] | None = None
    foreground: Sequence[int] | None = None

    def of(self, labels: LabelSpace) -> Asked:
        """The same, with what is usual for these labels where nothing was said."""
        over = labels.averaged if self.over is None else self.over
        return Asked(tuple(over), tuple(foreground(labels) if self.foreground is None else self.foreground))

    def apart(self) -> tuple[list[int], Asked]:
        """The classes that are asked for at all, ascending, and the same with their places among these."""
        over, front = self.over or (), self.foreground or ()
        chosen = sorted({*over, *front})
        place = {index: at for at, index in enumerate(chosen)}
        return chosen, Asked(tuple(place[index] for index in over), tuple(place[index] for index in front))


def fine_means(
    labels: LabelSpace,
    counted: PerImage,
    *,
    asked: Asked | None = None,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    replicates: int = REPLICATES,
) -> Means:
    """Every mean of what was counted in N images.

    :param asked: classes that are averaged. Pixels of the others still count as errors of these.
    :param groups: the group of each image: what is drawn, and what the foreground is also put together by.
    :raises LabelError: so many classes in so many images are more than can be held.
    """
    asked = (asked or Asked()).of(labels)
    units, unit_of = _numbered(range(len(counted)) if groups is None else groups)
    chosen, inner = asked.apart()
    _refuse_many(len(counted), chosen)
    sums = counted.matrices.class_sums(chosen)
    unit_of = _in_order([_added(sums, unit_of, units)], unit_of)
    parts = _parts(sums, inner, unit_of, units, None if groups is None else unit)
    replicates = _afford(replicates, len(counted) * len(asked.over or ()))
    means = _means(parts.means, units, (replicates, max(len(counted), len(chosen))))
    fine, rest = [each for each in means if each.name.startswith("mIoU")], [each for each in means if not each.name.startswith("mIoU")]
    over, front = (tuple(labels.class_names[index] for index in chosen or ()) for chosen in (asked.over, asked.foreground))
    return Means(tuple(fine), tuple(rest), over, front, units, unit, replicates)


def mean_differences(
    labels: LabelSpace,
    a: PerImage,
    b: PerImage,
    *,
    asked: Asked | None = None,
    groups: Sequence[Hashable] | None = None,
    unit: str = "images",
    replicates: int = REPLICATES,
) -> tuple[Mean, ...]:
    """``a`` minus ``b`` of every mean, in the order of :func:`fine_means`, with intervals of draws that are the same for both.

    :raises ValueError: the targets of the two differ.
    :raises LabelError: as :func:`fine_means`.
    """
    refuse_other_images(a, b)
    asked = (asked or Asked()).of(labels)
    units, unit_of = _numbered(range(len(a)) if groups is None else groups)
    chosen, inner = asked.apart()
    _refuse_many(len(a), chosen)
    both = [each.matrices.class_sums(chosen) for each in (a, b)]
    added = [_added(sums, unit_of, units) for sums in both]
    unit_of = _in_order([added[0] + added[1], *added], unit_of)
    first, second = (_parts(sums, inner, unit_of, units, None if groups is None else unit) for sums in both)

    def difference(weights: Floats) -> dict[str, Floats]:
        x, y = first.means(weights), second.means(weights)
        return {name: x[name] - y[name] for name in x}

    replicates = _afford(replicates, len(a) * len(asked.over or ()))
    return tuple(_means(difference, units, (replicates, max(len(a), len(chosen)))))


def _refuse_many(images: int, classes: Sequence[int]) -> None:
    if len(classes) > MOST_CLASSES or images * len(classes) > MOST_VALUES:
        raise LabelError(
            f"{len(classes)} classes in {images} images are more than these means are made of: {MOST_CLASSES} classes, and {MOST_VALUES} "
            "IoUs of images; average over fewer: `segbench means` has --average-over CLASS,... and --foreground CLASS,..."
        )


def fine_p_value(labels: LabelSpace, a: PerImage, b: PerImage, mean: str, *, replicates: int = REPLICATES) -> float:
    """The p-value that two models are alike in a mean of :func:`fine_means` of Wang et al.: what is exchanged is the pair of an image.

    ``b`` and ``a`` give the same. NaN where the mean of either is undefined.

    :raises ValueError: the targets of the two differ.
    """
    refuse_other_images(a, b)
    over = Asked().of(labels).over or ()
    _refuse_many(len(a), over)
    both = [each.matrices.class_sums(over) for each in (a, b)]
    wide = [np.concatenate(sums, axis=1) for sums in both]
    order = np.lexsort(np.concatenate([wide[0] + wide[1], abs(wide[0] - wide[1])], axis=1).T[::-1])
    sums = ClassSums(*(np.concatenate([x[order], y[order]]) for x, y in zip(*both, strict=True)))

    def difference(chosen: Floats) -> Floats:
        x, y = (next(values for name, values in _fine(sums, each) if name == mean) for each in (_sides(chosen), _sides(1 - chosen)))
        return x - y

    count = len(order)
    exact = is_exact(replicates, count)
    parts = (part for _, chosen in exchanges(replicates, count, SEED, exact=exact) for part in _in_parts(chosen, len(over)))
    drawn = [difference(chosen) for chosen in parts]
    return float(p_of(np.concatenate(drawn), difference(np.ones((1, count))), exact=exact))


def _sides(chosen: Floats) -> Floats:
    """float64[R, 2 N]: weights of the images of both models, where the first one's are chosen or else the other's."""
    return np.concatenate([chosen, 1 - chosen], axis=1)


def _afford(replicates: int, values: int) -> int:
    return replicates if values <= MANY_VALUES else max(1, replicates // 10)


def _means(of: Callable[[Floats], dict[str, Floats]], units: int, shape: tuple[int, int]) -> list[Mean]:
    """What ``of`` makes of weights float64[R, units], as it is observed and with its interval.

    :param shape: how many replicates are drawn, and how many numbers there are of each.
    """
    replicates, size = shape
    observed = {name: float(values[0]) for name, values in of(np.ones((1, units))).items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in observed}
    for _, weights in drawn_weights(replicates, units, SEED):
        for part in _in_parts(weights, size):
            for name, values in of(part).items():
                drawn[name].append(values)
    return [_mean(name, value, np.concatenate(drawn[name]), units) for name, value in observed.items()]


def _in_parts(weights: Floats, size: int) -> Iterator[Floats]:
    """Some rows of weights at a time, so that so many numbers of each are never too many."""
    at_once = max(1, _NUMBERS // max(1, size))
    return (weights[start : start + at_once] for start in range(0, len(weights), at_once))


def _mean(name: str, value: float, drawn: Floats, units: int) -> Mean:
    low, high = quantiles(drawn, LEVEL).tolist() if units > 1 else (np.nan, np.nan)
    return Mean(name, value, (low, high))


@dataclass(frozen=True)
class _Parts:
    """What means are made of: sums of images [N, classes], of the foreground and of its groups, and the unit of each image."""

    over: ClassSums
    front: ClassSums
    of_groups: ClassSums | None
    unit_of: NDArray[np.intp]
    unit: str

    def means(self, weights: Floats) -> dict[str, Floats]:
        """Every mean, float64[R], where unit u counts as often as ``weights`` float64[R, units] say."""
        of_images = weights[:, self.unit_of]
        found = dict(_fine(self.over, of_images))
        if self.front.hits.shape[1]:
            found |= _of_pixels(self.front, of_images)
            found |= _of_each(self.front, of_images, "per image")
            if self.of_groups is not None:
                found |= _of_each(self.of_groups, weights, f"per group of {self.unit}")
        return found


def _fine(sums: ClassSums, weights: Floats) -> Iterator[tuple[str, Floats]]:
    iou = class_iou(sums)
    hits, union = (weights @ each.astype(np.float64) for each in (sums.hits, sums.targets + sums.preds - sums.hits))
    yield "mIoU^D", _mean_of(_divided(hits, union))
    of_images = _mean_of(iou)
    yield "mIoU^I", _weighted(of_images[:, None], weights)[:, 0]
    yield "mIoU^C", _mean_of(_weighted(iou, weights))
    for share in WORST:
        yield f"mIoU^I, worst {share} %", lowest(of_images, weights, share)
    for share in WORST:
        yield f"mIoU^C, worst {share} %", _mean_of(np.stack([lowest(column, weights, share) for column in iou.T], axis=1))


def lowest(values: Floats, weights: Floats, share: int) -> Floats:
    """float64[R]: the mean of the lowest ``share`` per cent of float64[N], one at least.

    :param weights: float64[R, N], whole numbers: how often each value counts.
    """
    order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
    if not len(order):
        return np.full(len(weights), np.nan)
    total = weights[:, order].sum(axis=1)
    number = np.where(total > 0, np.maximum(1, total * share // 100), 0)
    taken, left, first = np.zeros(len(weights)), number.copy(), 0
    at_once = int(2 * number.max()) + 16
    while left.any():  # mostly once: the lowest are few
        part = order[first : first + at_once]
        before = np.cumsum(weights[:, part], axis=1) - weights[:, part]
        take = np.clip(left[:, None] - before, 0, weights[:, part])
        taken += take @ values[part]
        left -= take.sum(axis=1)
        first += at_once
    return _divided(taken, number)


def _of_pixels(sums: ClassSums, weights: Floats) -> dict[str, Floats]:
    hits, targets, preds = (weights @ each.astype(np.float64) for each in sums)
    dice, iou = _divided(2 * hits, targets + preds), _divided(hits, targets + preds - hits)
    return {"Dice over pixels": _mean_of(dice), "IoU over pixels": _mean_of(iou)}


def _of_each(sums: ClassSums, weights: Floats, what: str) -> dict[str, Floats]:
    hits, both = sums.hits.astype(np.float64), (sums.targets + sums.preds).astype(np.float64)
    means = dict[str, Floats]()
    for score, values in (("Dice", _divided(2 * hits, both)), ("IoU", _divided(hits, both - hits))):
        kinds = {name: np.where(both > 0, values, empty) for name, empty in EMPTY.items()}
        kinds[OF_TARGETS] = np.where(sums.targets > 0, values, np.nan)
        means |= {f"{score} {what}, {name}": _mean_of(_weighted(kind, weights)) for name, kind in kinds.items()}
    return means


def _weighted(values: Floats, weights: Floats) -> Floats:
    """float64[R, C]: the weighted means of float64[N, C] over what is not NaN."""
    there = ~np.isnan(values)
    return _divided(weights @ np.where(there, values, 0), weights @ there.astype(np.float64))


def _mean_of(values: Floats) -> Floats:
    """float64[R] of float64[R, C]: the mean of what is not NaN."""
    there = ~np.isnan(values)
    return _divided(np.where(there, values, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _divided(a: Floats, b: Floats) -> Floats:
    quotient: Floats = np.divide(a, b, out=np.full(b.shape, np.nan), where=b > 0)
    return quotient


def _parts(sums: ClassSums, asked: Asked, unit_of: NDArray[np.intp], units: int, unit: str | None) -> _Parts:
    """``unit``: what groups are called, that the foreground is also put together by; nothing where there are none."""
    front = _chosen(sums, asked.foreground or ())
    grouped = None if unit is None else ClassSums(*np.split(_added(front, unit_of, units), 3, axis=1))
    return _Parts(_chosen(sums, asked.over or ()), front, grouped, unit_of, unit or "")


def _chosen(sums: ClassSums, classes: Sequence[int]) -> ClassSums:
    return ClassSums(*(each[:, list(classes)] for each in sums))


def _added(sums: ClassSums, unit_of: NDArray[np.intp], units: int) -> NDArray[np.int64]:
    """int64[units, 3 C]: the sums of the images of each unit."""
    values = np.concatenate(sums, axis=1)
    total = np.zeros((units, values.shape[1]), np.int64)
    np.add.at(total, unit_of, values)
    return total


def _numbered(groups: Sequence[Hashable]) -> tuple[int, NDArray[np.intp]]:
    """How many units there are, and the number of that of each image."""
    number = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    return len(number), np.array([number[group] for group in groups], np.intp)


def _in_order(added: Sequence[NDArray[np.int64]], unit_of: NDArray[np.intp]) -> NDArray[np.intp]:
    """The units numbered by what was counted in them, so that the order of the images does not matter."""
    keys = np.concatenate(added, axis=1)
    place = np.empty(len(keys), np.intp)
    place[np.lexsort(keys.T[::-1])] = np.arange(len(keys))
    return place[unit_of]
