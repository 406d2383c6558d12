"""Pairs of label maps to counts: each pair is read and counted once, on threads, and what is wrong with one is told with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from segbench.datasets.base import Dataset, Sample, read_instances
from segbench.errors import ImageError
from segbench.images.colors import read_colored
from segbench.images.files import read_labels
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counting, ImageCounts
from segbench.metrics.pair_counts import EMPTY
from segbench.parallel import map_shared
from segbench.scoring.pairing import pair_predictions

Item = TypeVar("Item")

TOGETHER = 8  # pairs that are handed to a thread at once, at most


def count_folder(preds: Path, dataset: Dataset, counting: Counting, *, workers: int = 2) -> Iterator[tuple[str, ImageCounts]]:
    """Read and count every pair, on threads: sample id and counts, in the dataset's order.

    :raises DataError: the folder does not exist or holds no label maps at all.
    """
    pairing = pair_predictions(preds, dataset)
    files = {sample.id: path for sample, path in pairing.pairs}

    def count(samples: Sequence[Sample]) -> list[tuple[str, ImageCounts]]:
        return [(sample.id, count_sample(sample)) for sample in samples]

    def count_sample(sample: Sample) -> ImageCounts:
        if sample.id in pairing.unpaired:
            return ImageCounts(EMPTY, problem=pairing.unpaired[sample.id])
        return _count_pair(sample, files[sample.id], dataset, counting)

    # Handing work to a thread costs a tenth of counting a pair; yet each thread needs several turns, or it waits for the last.
    at_once = max(1, min(TOGETHER, len(dataset) // (4 * workers)))
    return chain.from_iterable(map_shared(count, list(_split(dataset.samples, at_once)), workers))


def _count_pair(sample: Sample, path: Path, dataset: Dataset, counting: Counting) -> ImageCounts:
    decoding = counting.decoding
    try:
        colored = decoding.target_encoding == "color"
        target = read_colored(sample.target, decoding.target_labels) if colored else dataset.read_target(sample)
        pred = read_colored(path, decoding.pred_labels) if decoding.encoding == "color" else read_labels(path)
        if pred.shape != target.shape:
            (height, width), (target_height, target_width) = pred.shape, target.shape
            raise ImageError(path, f"size {width}x{height}, its target is {target_width}x{target_height} (width x height)")
        instances = read_instances(sample, target.shape) if counting.instances else None
    except ImageError as error:
        return ImageCounts(EMPTY, problem=str(error))
    return count_maps(counting, target, pred, instances)


def _split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
