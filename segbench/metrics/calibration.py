"""Calibration: whether a network's softmax means what it says, and whether it knows which of its pixels are wrong.

Of N evaluated pixels with probabilities p(c), the predicted class y, the target t, and 15 bins B of equal width, which hold their lower
ends::

    ece             sum_B |sum of p(y) - hits| / N                over the bins of p(y): Guo et al. (2017)
    class_ece       sum_B |sum of p(c) - pixels of c| / N         of a class c, over the bins of p(c)
    classwise_ece   the mean of it over the classes of means      Kull et al. (2019); Nixon et al. (2019) call it static
    brier           mean of sum_c (p(c) - [c = t])^2              0 to 2: Brier (1950)
    nll             mean of -log p(t)                             natural logarithm
    aurc            mean over k of (wrong among the k surest pixels) / k: Geifman et al. (2019)

The sums behind all but the last are of every pixel, so bins lose nothing of them. AURC needs the order of all pixels, of which steps of
1 - p(y) are kept (:mod:`segbench.kernels.confidence_bins`). Within a step wrong pixels count as spread evenly.
``aurc_bound`` is how far AURC may be off by that: the larger of the distances to what it would be if in every step all wrong pixels came
first, or last. It is computed from the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.confidence_bins import BINS, OF_BINS, OF_CLASSES, OF_STEPS, STEPS, length
from segbench.metrics.confusion import require_exact
from segbench.metrics.statistic import Floats, Statistic, Sums, divide, harmonic


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was counted of a network's confidence, float64[S] as :mod:`segbench.kernels.confidence_bins` says; whole numbers are exact."""

    numbers: Floats

    @property
    def bins(self) -> Floats:
        """float64[15, 3]: pixels, hits and the sum of confidence by the probability of the predicted class."""
        return self.numbers[OF_BINS:OF_STEPS].reshape(BINS, 3)

    @property
    def steps(self) -> Floats:
        """float64[480, 2]: pixels and wrong pixels, the surest first."""
        return self.numbers[OF_STEPS:OF_CLASSES].reshape(STEPS, 2)

    @property
    def of_classes(self) -> Floats:
        """float64[C, 15, 2]: the sum of the probability of a class, and the pixels that are of it."""
        return self.numbers[OF_CLASSES:].reshape(-1, BINS, 2)

    @property
    def scores(self) -> dict[str, Floats]:
        """Every score: float64[], of classes float64[C]; NaN where no pixel was evaluated. Means are over all classes."""
        return self.scores_over(range(len(self.of_classes)))

    def scores_over(self, averaged: Sequence[int]) -> dict[str, Floats]:
        """The same, where the mean over classes holds these class indices."""
        return {name: values[..., 0] for name, values in _scores_of(self.numbers[:, None], averaged).items()}

    @classmethod
    def total(cls, parts: Sequence[Calibration]) -> Calibration:
        """The sum of one or more images, from the first to the last."""
        total = np.zeros_like(parts[0].numbers)
        for part in parts:
            total += part.numbers
        return cls(total)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back. Of steps those that have pixels."""
        pixels, nll, brier = self.numbers[:OF_BINS].tolist()
        (at,) = self.steps[:, 0].nonzero()
        return {
            "pixels": int(pixels),
            "nll": nll,
            "brier": brier,
            "bins": {"pixels": _whole(self.bins[:, 0]), "hits": _whole(self.bins[:, 1]), "confidence": self.bins[:, 2].tolist()},
            "steps": {"at": at.tolist(), "pixels": _whole(self.steps[at, 0]), "wrong": _whole(self.steps[at, 1])},
            "classes": {"probability": self.of_classes[..., 0].tolist(), "pixels": _whole(self.of_classes[..., 1])},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Calibration:
        """Read plain data.

        :raises KeyError, TypeError, ValueError, IndexError: something is missing or does not fit.
        """
        bins, steps, of_classes = data["bins"], data["steps"], data["classes"]
        numbers = np.zeros(length(classes))
        read = cls(numbers)
        numbers[:OF_BINS] = [data["pixels"], data["nll"], data["brier"]]
        for column, name in enumerate(("pixels", "hits", "confidence")):
            read.bins[:, column] = _shaped(bins[name], (BINS,))
        at = np.array(steps["at"], np.int64)
        if len(at) and not 0 <= at.min() <= at.max() < STEPS:
            raise ValueError(f"steps of confidence are 0 to {STEPS - 1}, not {at.min()} to {at.max()}")
        for column, name in enumerate(("pixels", "wrong")):
            read.steps[at, column] = _shaped(steps[name], at.shape)
        for column, name in enumerate(("probability", "pixels")):
            read.of_classes[..., column] = _shaped(of_classes[name], (classes, BINS))
        read.require_sound()
        return read

    def require_sound(self) -> None:
        """Check that the numbers fit together.

        :raises ValueError: they are not finite or below zero, or the pixels of bins, steps and classes differ.
        """
        if not np.isfinite(self.numbers).all() or (self.numbers < 0).any():
            raise ValueError("numbers of calibration must be finite, and not below zero")
        pixels, wrong = self.numbers[0], self.numbers[0] - self.bins[:, 1].sum()
        counted = self.bins[:, 0].sum(), self.steps[:, 0].sum(), self.of_classes[..., 1].sum()
        if any(each != pixels for each in counted) or self.steps[:, 1].sum() != wrong or (self.steps[:, 1] > self.steps[:, 0]).any():
            raise ValueError(
                f"the pixels of bins, steps and classes, {', '.join(f'{each:.0f}' for each in counted)}, are not all {pixels:.0f}"
            )
        require_exact(np.array([int(pixels)]))


def _whole(values: Floats) -> Any:
    return values.astype(np.int64).tolist()


def _shaped(values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = np.array(values, np.float64)
    if found.shape != shape:
        raise ValueError(f"numbers of calibration of shape {list(found.shape)}, and not {list(shape)}")
    return found


def _sums(counted: NDArray[Any]) -> Floats:
    return np.asarray(counted.reshape(len(counted), -1), np.float64)


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    return _scores_of(sums, pairs.labels.averaged)


def _scores_of(sums: Floats, averaged: Sequence[int]) -> dict[str, Floats]:
    """Of sums float64[S, R], with the mean over classes of these indices."""
    columns = sums.shape[1]
    pixels, nll, brier = sums[:OF_BINS]
    bins, steps = sums[OF_BINS:OF_STEPS].reshape(BINS, 3, columns), sums[OF_STEPS:OF_CLASSES].reshape(STEPS, 2, columns)
    of_classes = sums[OF_CLASSES:].reshape(-1, BINS, 2, columns)
    gaps = np.abs(of_classes[:, :, 0] - of_classes[:, :, 1]).sum(axis=1)
    class_ece = divide(gaps, np.broadcast_to(pixels, gaps.shape))
    aurc, bound = _area(steps[:, 0], steps[:, 1], pixels)
    return {
        "ece": divide(np.abs(bins[:, 2] - bins[:, 1]).sum(axis=0), pixels),
        "classwise_ece": class_ece[list(averaged)].mean(axis=0),
        "brier": divide(brier, pixels),
        "nll": divide(nll, pixels),
        "aurc": aurc,
        "aurc_bound": bound,
        "class_ece": class_ece,
    }


def _area(number: Floats, wrong: Floats, pixels: Floats) -> tuple[Floats, Floats]:
    """AURC float64[R] from pixels and wrong pixels of the steps, float64[K, R], the surest first; and how far it may be off.

    In a step of n pixels, w of them wrong, behind N pixels, W of them wrong, the k-th pixel has the risk (W + wrong so far) / (N + k). Sums
    of 1 / (N + k) are differences of harmonic numbers, so no pixel is looked at.
    """
    after, wrong_after = np.cumsum(number, axis=0), np.cumsum(wrong, axis=0)
    before, wrong_before, right = after - number, wrong_after - wrong, number - wrong
    start, end = harmonic(before), harmonic(after)
    rate = np.divide(wrong, number, out=np.zeros_like(wrong), where=number > 0)
    even = wrong + (wrong_before - rate * before) * (end - start)
    middle = harmonic(before + wrong)
    first = wrong + (wrong_before - before) * (middle - start) + wrong_after * (end - middle)
    middle = harmonic(before + right)
    last = wrong_before * (middle - start) + wrong + (wrong_before - right - before) * (end - middle)
    area, high, low = (divide(each.sum(axis=0), pixels) for each in (even, first, last))
    return area, np.maximum(high - area, area - low)


CALIBRATION = Statistic(
    lambda classes: (length(classes),),
    {**dict.fromkeys(("ece", "classwise_ece", "brier", "nll", "aurc", "aurc_bound"), "one"), "class_ece": "class"},
    _sums,
    _scores,
)
"""The numbers of :class:`Calibration` of every image, float64[N, S]."""

UNBOUNDED = ("brier", "nll")
"""Scores that may be above 1."""
