"""Out of distribution: whether a network is unsure where there is something that it does not know.

Every pixel has a score of anomaly (:mod:`segbench.kernels.anomaly_bins` has four), anomalies are what is to be found, and known pixels are
what must not be taken for them. Of A anomalies and K known pixels, from the strangest to the most ordinary bin, with TP and FP the
anomalies and the known pixels up to a bin::

    ap       sum over bins of (anomalies in the bin / A) TP / (TP + FP)        area below precision and recall, as scikit-learn takes it
    auroc    the share of pairs of an anomaly and a known pixel of which the anomaly is the stranger; a pair in one bin counts half
    fpr95    FP / K at the first bin at which TP is 95 % of A or more

Pixels in one bin are ties, and ties are what scikit-learn makes of them. What binning can have done is computed from the counts, as the
larger of the distances to the same number if the pixels within each bin had been in the worst, and in the best order: ``..._bound``.

*Pooled* (``ood_energy_ap``): one curve over the pixels of all images together, which is what benchmarks report. *By image*
(``ood_energy_image_ap``): the mean of each image's own number, as the code of StreetHazards takes it. An image without anomalies, or
without known pixels, has no number of its own and leaves that mean; its known pixels count among all others in the pooled one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.anomaly_bins import LENGTH, SCORES, SHAPE
from segbench.metrics.confusion import require_exact
from segbench.metrics.statistic import Floats, Statistic, Sums, divide, harmonic

MEASURES = ("ap", "auroc", "fpr95")
POOLED = tuple(f"ood_{score}_{measure}" for score in SCORES for measure in MEASURES)
BY_IMAGE = tuple(f"ood_{score}_image_{measure}" for score in SCORES for measure in MEASURES)
STEPPED = tuple(name for name in POOLED if name.endswith("fpr95"))
"""Scores that jump where a bin is passed: no difference quotient tells how they move."""
RECALL = 0.95
LINE = 4096
PARTS = 127
"""Coarse bins part the anomalies, and the known pixels, into so many shares."""
COARSE = 2 * PARTS + 1


@dataclass(frozen=True, eq=False)
class Ood:
    """What was counted of a network's scores of anomaly, in one image or in many.

    ``packed``: the counts of all bins (:func:`pack`). ``images``: how many images have anomalies and known pixels, ``without`` how many
    have not; ``sums`` float64[4, 3]: of the former the sum of :data:`MEASURES` of each score, NaN of scores that were not counted.
    """

    packed: bytes
    images: int
    without: int
    sums: Floats

    @classmethod
    def of_image(cls, counts: NDArray[np.int64]) -> Ood:
        """From int64[LENGTH] of one image."""
        own = np.stack(list(_curves(_strangest_first(counts.reshape(SHAPE))).values()), axis=1)
        scored = int(not np.isnan(own).all())
        return cls(pack(counts), scored, 1 - scored, own if scored else np.zeros_like(own))

    @classmethod
    def total(cls, parts: Sequence[Ood]) -> Ood:
        """The sum of one or more images, from the first to the last."""
        counts, sums = np.zeros(LENGTH, np.int64), np.zeros((len(SCORES), len(MEASURES)))
        for part in parts:
            counts += part.counts.reshape(-1)
            sums += part.sums
        return cls(pack(counts), sum(part.images for part in parts), sum(part.without for part in parts), sums)

    @cached_property
    def image_scores(self) -> Floats:
        """float64[4, 3]: the means over images."""
        return self.sums / self.images if self.images else np.full_like(self.sums, np.nan)

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64[4, 2, 65536]: pixels by score, role (known, anomaly) and bin."""
        return unpack(self.packed).reshape(SHAPE)

    @property
    def pixels(self) -> tuple[int, int]:
        """Known pixels and anomalies."""
        known, anomalies = self.counts[0].sum(axis=1).tolist()
        return known, anomalies

    @cached_property
    def scores(self) -> dict[str, float]:
        """Every score with its bound, and the means over images; NaN where undefined."""
        ordered = _strangest_first(self.counts)
        found, bounds = _curves(ordered), _bounds(ordered)
        result = dict[str, float]()
        for index, score in enumerate(SCORES):
            for column, measure in enumerate(MEASURES):
                result[f"ood_{score}_{measure}"] = float(found[measure][index])
                result[f"ood_{score}_{measure}_bound"] = float(bounds[measure][index])
                result[f"ood_{score}_image_{measure}"] = float(self.image_scores[index, column])
        return result

    def curve(self, score: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Known pixels and anomalies up to each bin that has any, the strangest first: int64[B] each."""
        known, anomalies = _strangest_first(self.counts)[SCORES.index(score)]
        there = known + anomalies > 0
        return np.cumsum(known[there]), np.cumsum(anomalies[there])

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        sums = [[None if np.isnan(value) else value for value in row] for row in self.sums.tolist()]
        text = base64.b64encode(self.packed).decode()
        lines = [text[first : first + LINE] for first in range(0, len(text), LINE)]  # readers refuse texts that are very long
        return {"bins": lines, "images": self.images, "without": self.without, "sums": sums}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Ood:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        sums = np.array([[np.nan if value is None else float(value) for value in row] for row in data["sums"]], np.float64)
        if sums.shape != (len(SCORES), len(MEASURES)):
            raise ValueError(f"sums of out of distribution are {len(SCORES)} rows of {len(MEASURES)}, not {list(sums.shape)}")
        read = cls(base64.b64decode("".join(data["bins"]), validate=True), int(data["images"]), int(data["without"]), sums)
        pixels = read.counts.sum(axis=2)
        require_exact(pixels)
        if read.images < 0 or read.without < 0 or any(row.any() and (row != pixels[0]).any() for row in pixels):
            raise ValueError(f"the scores of anomaly are of different pixels: {pixels.tolist()}")
        return read


def pack(counts: NDArray[np.int64]) -> bytes:
    """Counts int64[LENGTH] as bytes: of each count that is not 0 the places since the last one, and the count.

    Both are LEB128: seven bits a byte, the lowest first, and the eighth bit says that another byte follows.
    """
    flat = counts.reshape(-1)
    (places,) = flat.nonzero()
    numbers = np.stack([np.diff(places, prepend=-1), flat[places]], axis=1).reshape(-1)
    lengths = np.ones(len(numbers), np.int64)
    for bits in range(7, 63, 7):
        lengths += numbers >> bits > 0
    starts = np.cumsum(lengths) - lengths
    packed = np.zeros(int(lengths.sum()), np.uint8)
    for place in range(int(lengths.max(initial=0))):
        there = lengths > place
        packed[starts[there] + place] = (numbers[there] >> 7 * place & 127) | np.where(lengths[there] > place + 1, 128, 0)
    return packed.tobytes()


def unpack(packed: bytes) -> NDArray[np.int64]:
    """What :func:`pack` was given.

    :raises ValueError: it is something else.
    """
    read = np.frombuffer(packed, np.uint8)
    counts = np.zeros(LENGTH, np.int64)
    if not len(read):
        return counts
    (ends,) = np.nonzero(read < 128)
    lengths = np.diff(ends, prepend=-1)
    starts = ends - lengths + 1
    if not len(ends) or len(ends) % 2 or ends[-1] != len(read) - 1 or lengths.max() > 8:
        raise ValueError("bins of out of distribution are broken off")
    shifts = 7 * (np.arange(len(read)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((read.astype(np.int64) & 127) << shifts, starts)
    places = np.cumsum(numbers[::2]) - 1
    if (numbers <= 0).any() or places[-1] >= LENGTH:
        raise ValueError(f"bins of out of distribution are {LENGTH}, and those that are told have pixels")
    counts[places] = numbers[1::2]
    return counts


def coarse_of(parts: Sequence[Ood]) -> NDArray[np.int64]:
    """int64[N, 4, 2, 255]: the counts of N images in fewer bins, the strangest first, for intervals and tests, which need many sums.

    Where a coarse bin ends follows from all images together: each holds at most a 127th of the anomalies and of the known pixels, or is
    one bin of the 65 536.
    """
    total = np.zeros(SHAPE, np.int64)
    for part in parts:
        total += part.counts
    groups = [_groups(each) for each in _strangest_first(total)]
    result = np.zeros((len(parts), len(SCORES), 2, COARSE), np.int64)
    for image, part in zip(result, parts, strict=True):
        for score, counts in enumerate(_strangest_first(part.counts)):
            for role in range(2):
                image[score, role] = np.bincount(groups[score], counts[role], COARSE).astype(np.int64)
    return result


def _groups(pooled: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[65536]: the coarse bin of each bin, from int64[2, 65536]."""
    before = np.cumsum(pooled, axis=1) - pooled
    shares = before * PARTS // np.maximum(pooled.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares.sum(axis=0))


def _strangest_first(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return counts[..., ::-1]


def _curves(ordered: NDArray[Any]) -> dict[str, Floats]:
    """:data:`MEASURES` float64[...] of known pixels and anomalies [..., 2, B], the strangest bin first."""
    known, anomalies = ordered[..., 0, :].astype(np.float64), ordered[..., 1, :].astype(np.float64)
    false, found = np.cumsum(known, axis=-1), np.cumsum(anomalies, axis=-1)
    known_all, anomalies_all = false[..., -1], found[..., -1]
    defined = (known_all > 0) & (anomalies_all > 0)
    precision = np.divide(found, found + false, out=np.zeros_like(found), where=found + false > 0)
    ap = divide((anomalies * precision).sum(axis=-1), anomalies_all)
    auroc = divide((known * (found - anomalies / 2)).sum(axis=-1), known_all * anomalies_all)
    first = _first_at(found)
    fpr = divide(np.take_along_axis(false, first, axis=-1)[..., 0], known_all)
    return {name: np.where(defined, values, np.nan) for name, values in zip(MEASURES, (ap, auroc, fpr), strict=True)}


def _first_at(found: Floats) -> NDArray[np.intp]:
    """int[..., 1]: the first bin at which the anomalies found so far, float64[..., B], are 95 % of all."""
    share = np.divide(found, found[..., -1:], out=np.zeros_like(found), where=found[..., -1:] > 0)
    return np.asarray((share >= RECALL).argmax(axis=-1)[..., None])


def _bounds(ordered: NDArray[np.int64]) -> dict[str, Floats]:
    """How far :data:`MEASURES` may be off, float64[4], because the order of the pixels in one bin is not known."""
    known, anomalies = ordered[:, 0].astype(np.float64), ordered[:, 1].astype(np.float64)
    false, found = np.cumsum(known, axis=1), np.cumsum(anomalies, axis=1)
    known_all, anomalies_all = false[:, -1], found[:, -1]
    measured = _curves(ordered)
    # The best: the anomalies of a bin first, and all alike. The worst: its known pixels first, then one anomaly after the other.
    high = np.divide(found, found + false - known, out=np.zeros_like(found), where=anomalies > 0)
    low = anomalies - false * (harmonic(found + false) - harmonic(found + false - anomalies))
    ap = [divide(each.sum(axis=1), anomalies_all) for each in (low, anomalies * high)]
    in_bins = divide((known * anomalies).sum(axis=1), 2 * known_all * anomalies_all)
    first = _first_at(found)
    fpr = divide(np.take_along_axis(known, first, axis=1)[:, 0], known_all)
    return {
        "ap": np.maximum(measured["ap"] - ap[0], ap[1] - measured["ap"]),
        "auroc": np.where(np.isnan(measured["auroc"]), np.nan, in_bins),
        "fpr95": np.where(np.isnan(measured["fpr95"]), np.nan, fpr),
    }


def image_numbers(parts: Sequence[Ood]) -> Floats:
    """float64[N, 4, 3]: :data:`MEASURES` of every image, NaN where it has none."""
    return np.stack([part.image_scores for part in parts])


def _coarse_sums(counted: NDArray[Any]) -> Floats:
    return np.asarray(counted.reshape(len(counted), -1), np.float64)


def _coarse_scores(_: Sums, sums: Floats) -> dict[str, Floats]:
    by_score = sums.reshape(len(SCORES), 2, COARSE, -1)
    result = dict[str, Floats]()
    for score, counts in zip(SCORES, by_score, strict=True):
        result |= {f"ood_{score}_{name}": values for name, values in _curves(counts.transpose(2, 0, 1)).items()}
    return result


def _image_sums(counted: NDArray[Any]) -> Floats:
    """float64[N, 24]: what adds up to means over images, and 1 for each image that has such a number."""
    flat = counted.reshape(len(counted), -1)
    return np.concatenate([np.nan_to_num(flat), ~np.isnan(flat)], axis=1)


def _image_scores(_: Sums, sums: Floats) -> dict[str, Floats]:
    total, images = np.split(sums, 2)
    return dict(zip(BY_IMAGE, divide(total, images), strict=True))


OOD = Statistic(lambda classes: (len(SCORES), 2, COARSE), dict.fromkeys(POOLED, "one"), _coarse_sums, _coarse_scores)
"""What :func:`coarse_of` gives of every image."""
OOD_BY_IMAGE = Statistic(lambda classes: (len(SCORES), len(MEASURES)), dict.fromkeys(BY_IMAGE, "one"), _image_sums, _image_scores)
"""What :func:`image_numbers` gives."""
