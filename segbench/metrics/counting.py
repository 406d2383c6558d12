"""Counts what two maps give: pairs, and whatever else a :class:`~segbench.metrics.image_counts.Counting` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.kernels.boundary_counting import count_boundaries
from segbench.kernels.counting import count_corner
from segbench.kernels.instance_counting import count_by_instance
from segbench.kernels.watershed import connected_segments, thinned_segments
from segbench.labels.encodings import to_ids
from segbench.labels.space import WORDS
from segbench.metrics.boundary_iou import Boundaries, boundary_sums, boundary_width
from segbench.metrics.error_causes import Errors
from segbench.metrics.image_counts import Counting, ImageCounts
from segbench.metrics.instance_iou import Rows, instance_rows
from segbench.metrics.pair_counts import EMPTY, PairCounts
from segbench.metrics.region_scores import SegmentScores, segment_scores
from segbench.metrics.size_strata import SegmentSizes
from segbench.metrics.surface import Surfaces, tolerance_pixels
from segbench.metrics.trimap import WIDTHS, Trimap, trimap_sums

Values = NDArray[Any]
"""A label map: bytes, or 16 bits a pixel of a wide label space."""


def count_maps(counting: Counting, target: Values, pred: Values, instances: NDArray[np.uint16] | None = None) -> ImageCounts:
    """Count a target and a prediction, uint8[H, W] of bytes as the decoding reads them; of wide label spaces uint8 or uint16.

    :param instances: uint16[H, W], an instance map of the same size, if instances are to be counted.
    :raises ValueError: the shapes differ.
    """
    if counting.decoding.wide:
        pairs = count_wide_pairs(target, pred)
        return ImageCounts(pairs, problem=counting.decoding.problem(pairs.cells))
    pairs = PairCounts.of(count_corner(target, pred))
    problem = counting.decoding.problem(pairs.cells)
    rows = None
    if problem is None and instances is not None:
        try:
            rows = count_instances(counting, instances, pred)
        except LabelError as error:
            problem = str(error)
    if problem is not None:
        return ImageCounts(pairs, problem=problem)
    return ImageCounts(pairs, instances=rows, **count_extras(counting, target, pred))


def count_extras(counting: Counting, target: Values, pred: Values) -> dict[str, Any]:
    """What is counted in two maps beside pairs, by the fields of :class:`~segbench.metrics.extras.Extras`."""
    return {name: counts(counting, target, pred) for name, counts in COUNTERS.items() if counting.asks(name)}


def count_windows(counting: Counting, windows: Iterable[tuple[Values, Values]]) -> ImageCounts:
    """Count the pairs of a target and a prediction that are given window by window. Nothing else is counted in maps that large.

    :raises ValueError: the shapes of a window differ.
    """
    pairs = EMPTY
    for target, pred in windows:
        pairs += count_wide_pairs(target, pred) if counting.decoding.wide else PairCounts.of(count_corner(target, pred))
    return ImageCounts(pairs, problem=counting.decoding.problem(pairs.of_levels(counting.decoding.levels).cells))


def count_wide_pairs(target: Values, pred: Values) -> PairCounts:
    """The pairs of maps with 16 bits a pixel, or 8."""
    from segbench.kernels.counting_wide import count_wide  # most maps are bytes, and start sooner without it

    return PairCounts(*count_wide(target.astype(np.uint16, copy=False), pred.astype(np.uint16, copy=False)), WORDS)


def count_boundary(counting: Counting, target: Values, pred: Values) -> Boundaries:
    """The pixels near the edges of classes."""
    assert counting.boundary is not None
    decoding, width = counting.decoding, boundary_width(target.shape, counting.boundary)
    table = count_boundaries(target, pred, decoding.target_index, decoding.pred_index, len(decoding.labels.classes), width)
    return Boundaries(boundary_sums(table), counting.boundary, (width,))


def count_instances(counting: Counting, instances: NDArray[np.uint16], pred: Values) -> Rows | None:
    """The instances of a map uint16[H, W], if they are to be counted.

    :raises LabelError: an instance belongs to a label that is unknown or has no instances.
    :raises ValueError: the shapes differ.
    """
    table = counting.instance_table
    if table is None:
        return None
    values, hits = count_by_instance(instances, pred, table.rule.divisor)
    return instance_rows(table, values, to_ids(hits, counting.decoding.pred_ids))


def count_segments(counting: Counting, target: Values, pred: Values) -> SegmentScores | None:
    """V_rand and V_info of the regions of a class; ``None`` if the label space has no such class."""
    decoding = counting.decoding
    if counting.segments not in decoding.labels.class_names:
        return None
    cells = decoding.labels.class_names.index(counting.segments)
    of_target, of_pred = decoding.target_index[target] == cells, decoding.pred_index[pred] == cells
    return segment_scores(connected_segments(of_target), thinned_segments(of_pred))


def count_causes(counting: Counting, target: Values, pred: Values) -> Errors:
    """The wrong pixels by their cause."""
    assert counting.errors is not None
    from segbench.kernels.error_counting import count_errors  # most do not ask for it, and start sooner

    decoding = counting.decoding
    maps = target, pred, decoding.target_index, decoding.pred_index
    return Errors.of_tables(*count_errors(*maps, len(decoding.labels.classes), counting.errors), counting.errors)


def count_trimap(counting: Counting, target: Values, pred: Values) -> Trimap:
    """The pixels by their distance from an edge of the target."""
    decoding = counting.decoding
    maps = target, pred, decoding.target_index, decoding.pred_index, len(decoding.labels.classes)
    return Trimap(np.stack([trimap_sums(count_boundaries(*maps, width, frame=False)) for width in WIDTHS], axis=1))


def count_surface(counting: Counting, target: Values, pred: Values) -> Surfaces:
    """The boundary pixels that are near those of the other map."""
    from segbench.kernels.surface_counting import count_surfaces

    assert counting.surface is not None
    decoding, pixels = counting.decoding, [tolerance_pixels(each, target.shape) for each in counting.surface]
    maps = target, pred, decoding.target_index, decoding.pred_index
    return Surfaces.of_image(count_surfaces(*maps, len(decoding.labels.classes), pixels), counting.surface)


def count_sizes(counting: Counting, target: Values, pred: Values) -> SegmentSizes:
    """The segments of the target by their size."""
    from segbench.kernels.error_counting import list_segments

    assert counting.strata is not None
    decoding, classes = counting.decoding, len(counting.decoding.labels.classes)
    return SegmentSizes.of_segments(
        list_segments(target, pred, decoding.target_index, decoding.pred_index, classes), counting.strata, classes
    )


COUNTERS: dict[str, Callable[[Counting, Values, Values], Any]] = {
    "boundary": count_boundary,
    "segments": count_segments,
    "errors": count_causes,
    "trimap": count_trimap,
    "surface": count_surface,
    "strata": count_sizes,
}
"""What counts two maps beside their pairs, by the fields of :class:`~segbench.metrics.extras.Extras`. Instances need a third map."""
