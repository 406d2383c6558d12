"""Surface Dice (NSD) and boundary F: how much of the boundary of a class is where it should be, within a tolerance.

Of a class, T are the boundary pixels of the target and P those of the prediction; T' and P' those of them that are no farther than the
tolerance from the other ones::

    nsd           (T' + P') / (T + P)              Nikolov et al., "Deep learning to achieve clinically applicable segmentation" (2018)
    boundary_f    2 p r / (p + r), p = P' / P, r = T' / T       BF score: Csurka, Larlus, Perronnin, "What is a good evaluation measure
                                                    for semantic segmentation?" (BMVC 2013); F of J&F: Perazzi et al. (DAVIS, CVPR 2016)

**Pooled or of images.** ``nsd`` and ``boundary_f`` are of the sums over all images; ``image_nsd`` and ``image_boundary_f`` are means over
the images of each class, as the papers have it. The mean over classes is taken last. A class that neither map has in an image is left out
there (DAVIS counts 1); one that only one of the two has counts 0.

**Boundaries.** A boundary pixel is a pixel of the class beside one of another class, above, below, left or right, or at the edge of the
image. Without void these are the very pixels that MONAI counts (``compute_surface_dice`` with ``use_subvoxels=False``). The
surface-distance of DeepMind, and MONAI's ``use_subvoxels=True``, put the boundary between pixels and weigh its elements by their length: a
slanted boundary counts more there. DAVIS thins boundaries to one side and leaves the edge of the
image out. **Void** has no boundary, and nothing of a prediction counts where the target is void; the papers have none.

**Tolerances** are pixels; below 1 they are shares of the image's diagonal, rounded up, as in DAVIS (0.008). A fraction of a pixel would be
the same as 0, for no two pixels are nearer than 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import require_exact
from segbench.metrics.statistic import Floats, Kind, Statistic, Sums, by_class, divide, mean_of_classes

DAVIS = 0.008
"""The tolerance of DAVIS, a share of the diagonal; that of Csurka et al. is 0.0075."""
SCORES = ("nsd", "boundary_f", "image_nsd", "image_boundary_f")
MOST = 1000
"""Pixels that a person may ask for; more is a slip."""
_TARGET, _PRED, _NEAR_TARGET, _NEAR_PRED = range(4)


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Boundary pixels of each class, int64[C, 2 + 2 T]: of the target, of the prediction, and by tolerance those of both that are near.

    ``tolerances``: pixels, or shares of the diagonal. ``of_images`` float64[C, T, 2]: NSD and boundary F, added over the images of the
    class, of which there are ``images`` int64[C].
    """

    counts: NDArray[np.int64]
    tolerances: tuple[float, ...]
    of_images: Floats
    images: NDArray[np.int64]

    @classmethod
    def of_image(cls, counts: NDArray[np.int64], tolerances: Sequence[float]) -> Surfaces:
        """Of one image, from what :func:`segbench.kernels.surface_counting.count_surfaces` gives."""
        tolerances = tuple(map(float, tolerances))
        columns = [_of_image(_columns(counts, at)[..., None]) for at in range(len(tolerances))]
        of_images = np.stack([np.nan_to_num(np.concatenate(each, axis=1)[..., 0]) for each in columns], axis=1)
        return cls(counts, tolerances, of_images, (counts[:, :2].sum(axis=1) > 0).astype(np.int64))

    def at(self, tolerance: float) -> NDArray[np.int64]:
        """int64[C, 4] of a tolerance: in the target, in the prediction, and those of both that are near."""
        return _columns(self.counts, self.tolerances.index(tolerance))

    def scores(self, labels: LabelSpace) -> dict[str, Floats]:
        """Every score, by names such as ``nsd_3`` and ``class_nsd_3``: float64[], of classes float64[C]; NaN where undefined."""
        found = dict[str, Floats]()
        for at, tolerance in enumerate(self.tolerances):
            counts = _columns(self.counts, at).T.astype(np.float64)
            parts = np.concatenate([counts, self.of_images[:, at].T, self.images[None]])[..., None]
            found |= {name: values[..., 0] for name, values in _scores(labels, parts, told(tolerance)).items()}
        return found

    @classmethod
    def total(cls, parts: Sequence[Surfaces]) -> Surfaces:
        """The sum of one or more images, counted with the same tolerances, from the first to the last."""
        of_images = np.zeros_like(parts[0].of_images)
        for part in parts:
            of_images += part.of_images
        counts, images = (np.sum([getattr(part, name) for part in parts], axis=0) for name in ("counts", "images"))
        return cls(counts, parts[0].tolerances, of_images, images)

    def counts_dict(self) -> dict[str, Any]:
        """The counts as plain data: all that one image has."""
        near = self.counts[:, 2:].T.tolist()
        sides = {told(t): {"target": near[2 * at], "pred": near[2 * at + 1]} for at, t in enumerate(self.tolerances)}
        target, pred = self.counts[:, :2].T.tolist()
        return {"tolerances": list(self.tolerances), "target": target, "pred": pred, "near": sides}

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        sums = {
            told(tolerance): {"nsd": self.of_images[:, at, 0].tolist(), "boundary_f": self.of_images[:, at, 1].tolist()}
            for at, tolerance in enumerate(self.tolerances)
        }
        return self.counts_dict() | {"images": self.images.tolist(), "sums_of_images": sums}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Surfaces:
        """Read plain data; that of one image may have its counts alone.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        tolerances = tuple(map(float, data["tolerances"]))
        parse_tolerances(tolerances)
        near = [data["near"][told(each)][side] for each in tolerances for side in ("target", "pred")]
        counts = np.stack([_whole(row, classes) for row in (data["target"], data["pred"], *near)], axis=1)
        if (counts[:, 2::2] > counts[:, :1]).any() or (counts[:, 3::2] > counts[:, 1:2]).any():
            raise ValueError("there are more boundary pixels near the other boundary than there are")
        if "images" not in data:
            return cls.of_image(counts, tolerances)
        sums = [[data["sums_of_images"][told(each)][name] for name in ("nsd", "boundary_f")] for each in tolerances]
        of_images = np.array(sums, np.float64).reshape(len(tolerances), 2, classes).transpose(2, 0, 1)
        images = _whole(data["images"], classes)
        if not np.isfinite(of_images).all() or (of_images < 0).any() or (of_images > images[:, None, None] + 1e-9).any():
            raise ValueError("sums over images of a boundary score are 0 up to the number of images")
        return cls(counts, tolerances, np.ascontiguousarray(of_images), images)


def told(tolerance: float) -> str:
    """A tolerance as names of scores have it: 3, 2.5, 0.008."""
    return f"{tolerance:g}"


def in_words(tolerance: float) -> str:
    """A tolerance as people read it."""
    return f"{100 * tolerance:g} % of the diagonal" if 0 < tolerance < 1 else f"{tolerance:g} px"


def parse_tolerances(value: Any) -> tuple[float, ...]:
    """Tolerances in a list, or as text separated by commas, each once and ascending: pixels, or below 1 shares of the diagonal.

    :raises ValueError: they are something else.
    """
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    try:
        found = {float(told(float(each))) for each in given}
    except (TypeError, ValueError):
        found = set()
    if not found or any(isinstance(each, bool) for each in given) or not all(0 <= each <= MOST for each in found):
        raise ValueError(f"{value!r} is no tolerance: pixels from 0 to {MOST}, or below 1 a share of the diagonal, e.g. 1,3,{DAVIS}")
    return tuple(sorted(found))


def tolerance_pixels(tolerance: float, shape: tuple[int, ...]) -> float:
    """The tolerance in pixels for an image of (height, width, ...)."""
    return math.ceil(tolerance * math.hypot(*shape[:2])) if 0 < tolerance < 1 else tolerance


@cache
def surface_statistic(tolerance: str) -> Statistic:
    """What reads the counts of every image with one tolerance, int64[N, C, 4].

    :raises KeyError: it is no tolerance.
    """
    try:
        if tolerance != told(float(tolerance)):
            raise ValueError
    except ValueError:
        raise KeyError(tolerance) from None
    names: dict[str, Kind] = {f"{name}_{tolerance}": "one" for name in SCORES}
    names |= {f"class_{name}": "class" for name in names}

    def scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
        return _scores(pairs.labels, sums.reshape(7, len(pairs.labels.classes), -1), tolerance)

    return Statistic(lambda classes: (classes, 4), names, _sums, scores)


def _sums(counts: NDArray[Any]) -> Floats:
    """float64[N, 7 C]: the counts, NSD and boundary F of the image, and 1 where it is an image of the class."""
    columns = np.moveaxis(counts, 0, -1)
    own = np.concatenate(_of_image(columns), axis=1)
    there = ~np.isnan(own[:, :1])
    return by_class(np.moveaxis(np.concatenate([columns, np.nan_to_num(own), there], axis=1).astype(np.float64), -1, 0))


def _of_image(counts: NDArray[Any]) -> tuple[Floats, Floats]:
    """NSD and boundary F float64[C, 1, R] of counts [C, 4, R]; NaN where there is no boundary at all."""
    counts = counts.astype(np.float64)
    target, pred, near_target, near_pred = counts[:, _TARGET], counts[:, _PRED], counts[:, _NEAR_TARGET], counts[:, _NEAR_PRED]
    return divide(near_target + near_pred, target + pred)[:, None], _f(target, pred, near_target, near_pred)[:, None]


def _f(target: Floats, pred: Floats, near_target: Floats, near_pred: Floats) -> Floats:
    """The harmonic mean of precision and recall; 0 where only one of the two has a boundary, NaN where none has."""
    both = divide(2 * near_target * near_pred, near_pred * target + near_target * pred)
    return np.where(np.isnan(both) & (target + pred > 0), 0, both)


def _scores(labels: LabelSpace, parts: Floats, tolerance: str) -> dict[str, Floats]:
    """Of parts float64[7, C, R], as :func:`_sums` orders them."""
    target, pred, near_target, near_pred, nsd, boundary_f, images = parts
    pooled = divide(near_target + near_pred, target + pred), _f(target, pred, near_target, near_pred)
    found = dict(zip(SCORES, (*pooled, divide(nsd, images), divide(boundary_f, images)), strict=True))
    means = {f"{name}_{tolerance}": mean_of_classes(labels, values) for name, values in found.items()}
    return means | {f"class_{name}_{tolerance}": values for name, values in found.items()}


def _columns(counts: NDArray[np.int64], at: int) -> NDArray[np.int64]:
    return counts[:, [0, 1, 2 + 2 * at, 3 + 2 * at]]


def _whole(numbers: Any, classes: int) -> NDArray[np.int64]:
    values = np.array(numbers)
    if values.dtype != np.int64 or values.shape != (classes,) or (values < 0).any():
        raise ValueError(f"boundary pixels must be whole numbers of {classes} classes, not {values.dtype}{list(values.shape)}")
    require_exact(values)
    return values
