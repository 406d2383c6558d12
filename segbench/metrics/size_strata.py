"""Strata of segment size by quantiles: what is found of the smallest quarter of a data set's target segments, of the next, and so on.

COCO cuts at 32^2 and 96^2 pixels (:mod:`segbench.metrics.error_causes`), which says little of images of other sizes. Here the data set
itself says where to cut, all classes together: the bound of a quantile is the smallest size that so many of all its segments do not
exceed. A stratum holds the segments above the bound before it, up to its own; of equal sizes all are in one stratum, so strata may differ
in number, and one may be empty. The bounds are exact, for the sizes of all segments are counted in the same pass, image by image, and cut
when all are there. Intervals take the bounds as they are. A segment is a component of one class that touches by sides, and is found if
half of its pixels or more are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import require_exact
from segbench.metrics.statistic import Floats, Kind, Statistic, Sums, by_class, scores_of_segments

MOST = 20
"""Strata."""
_COLUMNS = ("segments", "found", "pixels", "right")


@dataclass(frozen=True, eq=False)
class SegmentSizes:
    """The target segments of one image, int64[K, 5]: class, pixels, how many there are of these, how many are found, their right pixels.

    ``strata``: into how many those of all images will be cut. ``classes``: how many classes there are.
    """

    rows: NDArray[np.int64]
    strata: int
    classes: int

    @classmethod
    def of_segments(cls, segments: NDArray[np.int64], strata: int, classes: int) -> SegmentSizes:
        """From int64[K, 3], the class, the pixels and the right pixels of each segment."""
        keys, at = np.unique(segments[:, :2], axis=0, return_inverse=True)
        rows = np.concatenate([keys, np.zeros((len(keys), 3), np.int64)], axis=1)
        found = 2 * segments[:, 2] >= segments[:, 1]
        np.add.at(rows[:, 2:], at.ravel(), np.stack([np.ones(len(segments), np.int64), found, segments[:, 2]], axis=1))
        return cls(rows, strata, classes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :func:`read_strata` reads it back."""
        return {"strata": self.strata, "sizes": self.rows.tolist()}


@dataclass(frozen=True, eq=False)
class SizeStrata:
    """Segments of the target by class and stratum, int64[C, Q, 4]: how many there are, how many are found, their pixels, the right ones.

    ``bounds``: the largest size of each stratum, in pixels; 0 where there are no segments at all.
    """

    counts: NDArray[np.int64]
    bounds: tuple[int, ...]

    @property
    def strata(self) -> int:
        """How many there are."""
        return len(self.bounds)

    @classmethod
    def total(cls, parts: Sequence[SegmentSizes]) -> SizeStrata:
        """Of all images of a data set; one or more."""
        bounds = bounds_of(parts)
        return cls(np.sum([cut(part, bounds) for part in parts], axis=0), bounds)

    def scores(self, labels: LabelSpace) -> dict[str, Floats]:
        """By names such as ``found_stratum_1_of_4`` and ``recall_stratum_1_of_4``; fractions, NaN where there is no such segment."""
        return {name: values[..., 0] for name, values in _scores(labels, self.counts[..., None].astype(np.float64)).items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, by stratum; :func:`read_strata` reads it back."""
        strata = [dict(zip(_COLUMNS, rows, strict=True)) for rows in self.counts.transpose(1, 2, 0).tolist()]
        return {"bounds": list(self.bounds), "segments": strata}


def read_strata(data: Mapping[str, Any], classes: int) -> SegmentSizes | SizeStrata:
    """What a ``to_dict`` gave, of one image or of all.

    :raises KeyError, TypeError, ValueError: something is missing or does not fit.
    """
    if "bounds" not in data:
        rows = np.array(data["sizes"], np.int64).reshape(-1, 5)
        if not 2 <= data["strata"] <= MOST or (rows < 0).any() or (rows[:, 0] >= classes).any() or (rows[:, 1:3] < 1).any():
            raise ValueError(f"sizes of segments are of {classes} classes, and whole numbers above 0")
        require_exact(rows)
        return SegmentSizes(rows, int(data["strata"]), classes)
    bounds = tuple(map(int, data["bounds"]))
    counts = np.array([[each[name] for name in _COLUMNS] for each in data["segments"]])
    shape = (len(bounds), len(_COLUMNS), classes)
    if counts.dtype != np.int64 or counts.shape != shape or (counts < 0).any() or not 2 <= len(bounds) <= MOST:
        raise ValueError(f"strata of segments must be whole numbers {list(shape)}, not {counts.dtype}{list(counts.shape)}")
    if list(bounds) != sorted(bounds) or (counts[:, 1] > counts[:, 0]).any() or (counts[:, 3] > counts[:, 2]).any():
        raise ValueError("bounds of strata must ascend, and no more can be found or right than there is")
    require_exact(counts)
    return SizeStrata(np.ascontiguousarray(counts.transpose(2, 0, 1)), bounds)


def cut_images(parts: Sequence[SegmentSizes]) -> dict[str, NDArray[np.int64]]:
    """The array of all images of a data set, int64[N, C, Q, 4], by its name."""
    bounds = bounds_of(parts)
    return {f"strata_{len(bounds)}": np.stack([cut(part, bounds) for part in parts])}


def bounds_of(parts: Sequence[SegmentSizes]) -> tuple[int, ...]:
    """The largest size of each stratum of all segments."""
    rows, strata = np.concatenate([part.rows for part in parts]), parts[0].strata
    sizes, at = np.unique(rows[:, 1], return_inverse=True)
    numbers = np.zeros(len(sizes), np.int64)
    np.add.at(numbers, at.ravel(), rows[:, 2])
    up_to = np.cumsum(numbers)
    if not len(sizes):
        return (0,) * strata
    wanted = [-(-int(up_to[-1]) * each // strata) for each in range(1, strata + 1)]
    return tuple(int(sizes[np.searchsorted(up_to, each)]) for each in wanted)


def cut(part: SegmentSizes, bounds: Sequence[int]) -> NDArray[np.int64]:
    """int64[C, Q, 4], the counts of :class:`SizeStrata` of one image."""
    counts = np.zeros((part.classes, len(bounds), len(_COLUMNS)), np.int64)
    of_class, size, number, found, right = part.rows.T
    stratum = np.searchsorted(np.array(bounds), size)
    np.add.at(counts, (of_class, stratum), np.stack([number, found, size * number, right], axis=1))
    return counts


@cache
def strata_statistic(strata: str) -> Statistic:
    """What reads the counts of every image in so many strata, int64[N, C, Q, 4].

    :raises KeyError: it is no number of strata.
    """
    if not strata.isdecimal() or not 2 <= int(strata) <= MOST or strata != str(int(strata)):
        raise KeyError(strata)
    number = int(strata)
    names: dict[str, Kind] = {name: "one" for at in range(number) for name in _names(at, number)}

    def scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
        classes, columns = pairs.hits.shape
        return _scores(pairs.labels, sums.reshape(number, len(_COLUMNS), classes, columns).transpose(2, 0, 1, 3))

    return Statistic(lambda classes: (classes, number, len(_COLUMNS)), names, by_class, scores)


def _names(at: int, strata: int) -> tuple[str, str]:
    return f"found_stratum_{at + 1}_of_{strata}", f"recall_stratum_{at + 1}_of_{strata}"


def _scores(labels: LabelSpace, counts: Floats) -> dict[str, Floats]:
    """Of counts [C, Q, 4, R]."""
    return scores_of_segments(labels, counts, [_names(at, counts.shape[1]) for at in range(counts.shape[1])])
