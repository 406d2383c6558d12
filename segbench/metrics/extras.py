"""What may be counted in an image beside pairs: one field of :class:`Extras` for each kind, which says all that files and sums need of it.

A new kind is a class that adds up and is plain data (:class:`~segbench.metrics.extra.Summed`), its field here, its option in
:class:`~segbench.metrics.image_counts.Beside`, and what counts it in :data:`segbench.metrics.counting.COUNTERS`. Partials, journals,
records, their schema, the counts of every image, intervals, comparisons and the checks of submissions follow from these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from segbench.labels.space import LabelSpace
from segbench.metrics.boundary_iou import BOUNDARY, Boundaries
from segbench.metrics.calibration import CALIBRATION, Calibration
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.error_causes import ERRORS, SEGMENT_SIZES, Errors, error_scores, size_scores
from segbench.metrics.extra import Array, Extra, Found, kind, summed
from segbench.metrics.instance_iou import INSTANCES
from segbench.metrics.ood import OOD, OOD_BY_IMAGE, Ood, coarse_of, image_numbers
from segbench.metrics.region_scores import SEGMENTS, SegmentScores, mean_scores
from segbench.metrics.size_strata import SegmentSizes, SizeStrata, cut_images, read_strata, strata_statistic
from segbench.metrics.statistic import Kind, Statistic
from segbench.metrics.surface import Surfaces, in_words, surface_statistic, told
from segbench.metrics.trimap import TRIMAP, Trimap

_COUNTS = attrgetter("counts")


def _boundary_scores(confusion: ConfusionMatrix, counted: Boundaries) -> Found:
    return {"boundary_miou": counted.mean(confusion.labels), "boundary_iou": counted.class_iou}


def _trimap_scores(confusion: ConfusionMatrix, counted: Trimap) -> Found:
    return {f"trimap_miou_{width}": value for width, value in counted.mious(confusion.labels).items()}


def _error_scores(confusion: ConfusionMatrix, counted: Errors) -> Found:
    return size_scores(confusion.labels, counted.sizes) | error_scores(confusion, counted)


def _surface_arrays(counted: Surfaces) -> dict[str, Array]:
    def array(tolerance: float) -> Array:
        called = f"the boundaries within {in_words(tolerance)}"
        return Array(surface_statistic(told(tolerance)), partial(Surfaces.at, tolerance=tolerance), called)

    return {f"surface_{told(each)}": array(each) for each in counted.tolerances}


_SEGMENTS = Extra(
    total=lambda parts: mean_scores(np.array([astuple(each) for each in parts])),
    write=lambda scores: [None if math.isnan(value) else value for value in astuple(scores)],
    read=lambda data, classes: SegmentScores(*map(_number, data if isinstance(data, list) else (data["v_rand"], data["v_info"]))),
    arrays={"segments": Array(SEGMENTS, lambda scores: np.array(astuple(scores)))},
    tell=asdict,
    scores=lambda confusion, scores: asdict(scores),
    title="segments",
)


_STRATA = Extra(
    total=SizeStrata.total,
    write=SegmentSizes.to_dict,
    read=read_strata,
    arrays={},
    tell=SizeStrata.to_dict,
    scores=lambda confusion, counted: counted.scores(confusion.labels),
    family=lambda counted: {
        f"strata_{counted.strata}": Array(strata_statistic(f"{counted.strata}"), _COUNTS, "the strata of segments", True)
    },
    stack=cut_images,
    title="segments by quantiles of their size",
    flag="--size-strata",
    setting="strata",
)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


@dataclass(frozen=True, eq=False, kw_only=True)
class Extras:
    """What was counted beside pairs, of one image or of many together; ``None`` of what nobody asked for. Records hold these."""

    boundary: Boundaries | None = summed(
        Boundaries,
        {"boundary": Array(BOUNDARY, _COUNTS, "the boundary counts")},
        _boundary_scores,
        title="Boundary IoU",
        flag="--boundary",
        setting="ratio",
    )
    segments: SegmentScores | None = kind(_SEGMENTS)
    errors: Errors | None = summed(
        Errors,
        {
            "errors": Array(ERRORS, _COUNTS, "the errors by cause"),
            "sizes": Array(SEGMENT_SIZES, attrgetter("sizes"), "the segments by size"),
        },
        _error_scores,
        title="errors by cause",
        flag="--errors",
        setting="border",
    )
    trimap: Trimap | None = summed(
        Trimap, {"trimap": Array(TRIMAP, _COUNTS, "the trimap counts")}, _trimap_scores, title="the trimap curve", flag="--trimap"
    )
    calibration: Calibration | None = summed(
        Calibration,
        {"calibration": Array(CALIBRATION, attrgetter("numbers"), "the calibration sums")},
        lambda confusion, counted: counted.scores_over(confusion.labels.averaged),
    )

    ood: Ood | None = summed(
        Ood,
        {
            "ood": Array(OOD, lambda counted: coarse_of([counted])[0], "the scores of anomaly", together=True),
            "ood_by_image": Array(OOD_BY_IMAGE, attrgetter("image_scores")),
        },
        lambda confusion, counted: counted.scores,
        stack=lambda parts: {"ood": coarse_of(parts), "ood_by_image": image_numbers(parts)},
    )

    surface: Surfaces | None = summed(
        Surfaces,
        {},
        lambda confusion, counted: counted.scores(confusion.labels),
        write=Surfaces.counts_dict,
        family=_surface_arrays,
        title="surface Dice",
        flag="--surface",
        setting="tolerances",
    )

    strata: SizeStrata | None = kind(_STRATA)

    @property
    def counted(self) -> dict[str, tuple[Extra, Any]]:
        """The kinds that were counted, by name, and what was."""
        return {name: (extra, value) for name, extra in EXTRAS.items() if (value := getattr(self, name)) is not None}

    @property
    def options(self) -> dict[str, Any]:
        """What would count the same again, by name."""
        return {name: extra.option(value) for name, (extra, value) in self.counted.items()}


def counted_unlike(several: Sequence[Extras]) -> list[str]:
    """The arrays that were counted by different settings, and so are not comparable: bands of two widths."""
    found = []
    for name, extra in EXTRAS.items():
        values = [value for each in several if (value := getattr(each, name)) is not None]
        if extra.arrays and extra.setting and len({getattr(value, extra.setting) for value in values}) > 1:
            found.append(next(iter(extra.arrays)))
    return found


EXTRAS: dict[str, Extra] = {each.name: each.metadata["extra"] for each in fields(Extras)}
"""The kinds that records hold, by name."""


def in_order(names: Iterable[str], first: str) -> tuple[str, ...]:
    """The names, those of ``first`` in its order, where they have stood since there are files; what came later stands behind."""
    names = tuple(names)
    return tuple(dict.fromkeys([name for name in first.split() if name in names] + list(names)))


_FAMILIES: dict[str, Callable[[str], Statistic]] = {"surface": surface_statistic, "strata": strata_statistic}
"""Arrays ``NAME_SETTING``: the statistic of a setting, on which the names of its scores end."""


class Statistics(dict[str, Statistic]):
    """What reads the arrays of every image, by their names; those of a family, whose names say the setting, are made when asked for."""

    def __missing__(self, name: str) -> Statistic:
        family, _, setting = name.partition("_")
        return _FAMILIES[family](setting)

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are of an array, each once: in their order, by which intervals draw, and families as they come."""
        names = dict.fromkeys(names)
        return (*(name for name in self if name in names), *(name for name in names if name not in self and self._makes(name)))

    def of_scores(self, scores: Iterable[str]) -> tuple[str, ...]:
        """The arrays of which scores are made."""
        return self.known([name for score in scores if (name := self._array_of(score)) is not None])

    def kind(self, score: str) -> Kind | None:
        """Of what a score is; ``None`` if there is no such score."""
        name = self._array_of(score)
        return None if name is None else self[name].names[score]

    def _array_of(self, score: str) -> str | None:
        setting = score.rpartition("_")[2]
        names = [*self, *(name for family in _FAMILIES if self._makes(name := f"{family}_{setting}"))]
        return next((name for name in names if score in self[name].names), None)

    def _makes(self, name: str) -> bool:
        try:
            return bool(self[name])
        except KeyError:
            return False


_FIXED = {"instances": INSTANCES} | {name: array.statistic for extra in EXTRAS.values() for name, array in extra.arrays.items()}
STATISTICS = Statistics({name: _FIXED[name] for name in in_order(_FIXED, "boundary instances segments errors trimap sizes calibration")})

_SCORED = in_order(EXTRAS, "segments boundary trimap errors calibration")


def scores_told(confusion: ConfusionMatrix, extras: Extras) -> Found:
    """The scores of what was counted beside pairs, as records tell them: a float each, or a mapping by class."""
    labels, counted, found = confusion.labels, extras.counted, Found()
    for name in _SCORED:
        if name in counted:
            extra, value = counted[name]
            found |= {score: _told(labels, each) for score, each in extra.scores(confusion, value).items()}
    return found


def _told(labels: LabelSpace, value: Any) -> Any:
    values = np.asarray(value)
    return dict(zip(labels.class_names, values.tolist(), strict=True)) if values.ndim else float(values)
