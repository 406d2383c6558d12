"""Segmenters on a dataset: each image is read and decoded once, for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.datasets.base import Dataset, Sample, read_depth, read_photograph
from segbench.datasets.mapping import LabelMapping
from segbench.datasets.streaming import map_ordered
from segbench.errors import DataError, ImageError, LabelError
from segbench.models.base import Segmenter
from segbench.protocols import Precision, Protocol
from segbench.transfer import Array, download, upload
from segbench.views import protocol_scores

Item = TypeVar("Item")

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One sample: for each segmenter, pair counts int64[256, 256] of (target label id, predicted class index), and its class map.

    ``class_maps`` uint8[H, W] class indices; empty unless they were asked for.
    """

    sample: Sample
    counts: list[NDArray[np.int64]]
    class_maps: list[NDArray[np.uint8]]


def evaluate(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    *,
    protocol: Protocol | None = None,
    limit: int | None = None,
    keep_class_maps: bool = False,
    mappings: Sequence[LabelMapping | None] = (),
) -> Iterator[Evaluated]:
    """Run every segmenter on every sample, in the dataset's order.

    Networks are put into evaluation mode and must be on one device. Images of any size, one at a time: no padding, no duplicates.

    :param mappings: for each segmenter what its classes stand for, ``None`` where they are the dataset's; class indices are the dataset's
        then, and C is outside.
    :raises LabelError: a segmenter's classes are neither the dataset's nor mapped to them.
    :raises DataError: an image and its target differ in size, or cannot be read.
    """
    mappings = mappings or [None] * len(segmenters)
    for segmenter, mapping in zip(segmenters, mappings, strict=True):
        segmenter.network.eval()
        if segmenter.labels.class_names != (mapping.source if mapping else dataset.labels).class_names:
            raise LabelError(
                f"model {segmenter.name!r} knows the classes of {segmenter.labels.name!r}, not those of {dataset.labels.name!r}; "
                "--map by-name, or --map FILE, says which stand for which"
            )
        if unknown := set(segmenter.inputs) - {"rgb", "depth"}:
            raise DataError(f"model {segmenter.name!r} needs {' and '.join(sorted(unknown))}, which no dataset gives")
    protocol = protocol or Protocol()
    if protocol.void == "masked":
        masked = [_without_void(segmenter, mapping) for segmenter, mapping in zip(segmenters, mappings, strict=True)]
        segmenters, mappings = [segmenter for segmenter, _ in masked], [mapping for _, mapping in masked]
    with_depth = any("depth" in segmenter.inputs for segmenter in segmenters)
    device = segmenters[0].device
    reads = map_ordered(lambda s: _read(s, dataset, with_depth, device), islice(dataset.samples, limit), workers=2)
    runs = ((read.sample, _run(segmenters, read, protocol, keep_class_maps)) for read in reads)
    for sample, (take_counts, take_class_maps) in _delayed(runs, by=1 if device.type == "cuda" else 0):
        counts, class_maps = list(take_counts()), [take()[0] for take in take_class_maps]
        counts = [mapping.fold(pairs) if mapping else pairs for mapping, pairs in zip(mappings, counts, strict=True)]
        if keep_class_maps:
            class_maps = [mapping.pred_index[pred] if mapping else pred for mapping, pred in zip(mappings, class_maps, strict=True)]
        yield Evaluated(sample, counts, class_maps)


def _without_void(segmenter: Segmenter, mapping: LabelMapping | None) -> tuple[Segmenter, LabelMapping | None]:
    """The segmenter without the scores that stand for no class of the dataset, and what the others stand for."""
    if mapping is None:
        return segmenter, None
    kept = tuple(index for index, at in enumerate(mapping.target_of) if at < len(mapping.target.classes))
    known = replace(mapping.source, classes=tuple(mapping.source.classes[index] for index in kept))
    stands = replace(mapping, source=known, target_of=tuple(mapping.target_of[index] for index in kept))
    return replace(segmenter, labels=known, channels=kept), stands


@dataclass(frozen=True, eq=False)
class _Read:
    """``take()`` gives image, target and depth as batches of one on the device."""

    sample: Sample
    take: Callable[[], list[Tensor | None]]


@torch.inference_mode()
def _run(
    segmenters: Sequence[Segmenter], read: _Read, protocol: Protocol, keep: bool
) -> tuple[Callable[[], Array], list[Callable[[], Array]]]:
    """Start every network on a sample: what waits for the counts int64[models, 256, 256], and for each class map if they are kept."""
    images, targets, depth = read.take()
    assert images is not None
    assert targets is not None
    with autocast(images.device, protocol.precision):
        results = [protocol_scores(segmenter, images, depth, protocol).counts(targets) for segmenter in segmenters]
    return download(torch.cat([counts for _, counts in results])), [download(pred) for pred, _ in results] if keep else []


def _delayed(items: Iterable[Item], by: int) -> Iterator[Item]:
    """The items, each given out when the one ``by`` places behind it has been made."""
    waiting: deque[Item] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The arithmetic that a precision stands for."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, _DTYPES[precision])


def _read(sample: Sample, dataset: Dataset, with_depth: bool, device: torch.device) -> _Read:
    try:
        image, target = read_photograph(sample), dataset.read_target(sample)
    except ImageError as error:
        raise DataError(str(error), way_out=f"`segbench data check {dataset.reference}` names every file that cannot be read") from error
    if image.shape[:2] != target.shape:
        raise DataError(
            f"{sample.id}: image {sample.image} is {image.shape[:2]}, target {sample.target} is {target.shape} (height, width)",
            way_out="segbench scores at the target's own size and never resizes a target",
        )
    depth = read_depth(dataset, sample, target.shape) if with_depth else None
    return _Read(sample, upload((image, target, depth), device))
