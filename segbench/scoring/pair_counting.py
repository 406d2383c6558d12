"""Pairs of label maps to pair counts: each pair is read and counted once, on threads, and what is wrong with one is told with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, read_instances
from segbench.errors import ImageError
from segbench.images.colors import read_colored
from segbench.images.files import read_labels
from segbench.kernels.boundary_counting import count_boundaries
from segbench.kernels.counting import count_corner
from segbench.labels.decoding import Decoding
from segbench.metrics.boundary_iou import Boundaries, boundary_sums, boundary_width
from segbench.metrics.instance_iou import InstanceHits, count_instances
from segbench.metrics.region_scores import SegmentScores
from segbench.metrics.region_scores_of_masks import cell_scores
from segbench.parallel import map_shared
from segbench.scoring.pairing import Pairing

Item = TypeVar("Item")

TOGETHER = 8  # pairs that are handed to a thread at once, at most


@dataclass(frozen=True)
class PairCounts:
    """Of one pair of label maps: pair counts over *bytes*, instance hits if the dataset has instances; or what is wrong with it.

    ``corner`` int64[R, K] is what :func:`~segbench.kernels.counting.count_corner` gives.
    ``boundaries``: pixels near the edges of classes, if they were asked for. ``segments``: V_rand and V_info, if the dataset has them.
    """

    sample: Sample
    corner: NDArray[np.int64]
    hits: InstanceHits | None = None
    problem: str | None = None
    boundaries: Boundaries | None = None
    segments: SegmentScores | None = None


def count_folder(
    pairing: Pairing,
    dataset: Dataset,
    decoding: Decoding,
    *,
    workers: int = 2,
    boundary: float | None = None,
) -> Iterator[PairCounts]:
    """Read and count every pair, in the dataset's order, on threads; memory does not grow with the number of pairs."""

    def count(pairs: Sequence[tuple[Sample, Path]]) -> list[PairCounts]:
        return [_count_pair(*pair, dataset, decoding, boundary) for pair in pairs]

    # Handing work to a thread costs a tenth of counting a pair; yet each thread needs several turns, or it waits for the last.
    at_once = max(1, min(TOGETHER, len(pairing.pairs) // (4 * workers)))
    parts = list(_split(pairing.pairs, at_once))
    return chain.from_iterable(map_shared(count, parts, workers))


def _count_pair(sample: Sample, path: Path, dataset: Dataset, decoding: Decoding, boundary: float | None) -> PairCounts:
    try:
        colored = decoding.target_encoding == "color"
        target = read_colored(sample.target, decoding.target_labels) if colored else dataset.read_target(sample)
        pred = read_colored(path, decoding.pred_labels) if decoding.encoding == "color" else read_labels(path)
        if pred.shape != target.shape:
            (height, width), (target_height, target_width) = pred.shape, target.shape
            raise ImageError(path, f"size {width}x{height}, its target is {target_width}x{target_height} (width x height)")
        hits = None
        if dataset.instances is not None:
            hits = count_instances(read_instances(sample, target.shape), pred, dataset.instances)
    except ImageError as error:
        return PairCounts(sample, np.zeros((0, 0), np.int64), problem=str(error))
    boundaries = segments = None
    labels, of_target, of_pred = decoding.labels, decoding.target_index, decoding.pred_index
    if boundary is not None:
        width = boundary_width(target.shape, boundary)
        table = count_boundaries(target, pred, of_target, of_pred, len(labels.classes), width)
        boundaries = Boundaries(boundary_sums(table), boundary, (width,))
    if dataset.segments is not None:
        cells = labels.class_names.index(dataset.segments)
        segments = cell_scores(of_target[target] == cells, of_pred[pred] == cells)
    return PairCounts(sample, count_corner(target, pred), hits, boundaries=boundaries, segments=segments)


def _split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
