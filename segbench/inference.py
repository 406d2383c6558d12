"""Segmenters on a dataset: each image is read and decoded once, for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.core.counting_torch import count_pairs
from segbench.datasets.base import Dataset, Sample, read_depth, read_photograph
from segbench.datasets.mapping import LabelMapping
from segbench.datasets.streaming import map_ordered
from segbench.errors import DataError, LabelError
from segbench.models.base import Segmenter
from segbench.protocols import Precision, Protocol
from segbench.views import protocol_class_map

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
    for read in map_ordered(lambda s: _read(s, dataset, with_depth), islice(dataset.samples, limit), workers=2):
        counts, class_maps = _run(segmenters, read, protocol, keep_class_maps)
        counts = [mapping.fold(pairs) if mapping else pairs for mapping, pairs in zip(mappings, counts, strict=True)]
        if keep_class_maps:
            class_maps = [mapping.pred_index[pred] if mapping else pred for mapping, pred in zip(mappings, class_maps, strict=True)]
        yield Evaluated(read.sample, counts, class_maps)


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
    sample: Sample
    image: NDArray[np.uint8]
    target: NDArray[np.uint8]
    depth: NDArray[np.float32] | None


@torch.inference_mode()
def _run(
    segmenters: Sequence[Segmenter], read: _Read, protocol: Protocol, keep: bool
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.uint8]]]:
    device = segmenters[0].device
    images = torch.from_numpy(read.image[None]).to(device, non_blocking=True)
    targets = torch.from_numpy(read.target[None]).to(device, non_blocking=True)
    depth = None if read.depth is None else torch.from_numpy(read.depth[None]).to(device, non_blocking=True)
    with autocast(device, protocol.precision):
        preds = [protocol_class_map(segmenter, images, depth, protocol) for segmenter in segmenters]
    counts = torch.stack([count_pairs(targets, pred) for pred in preds]).cpu().numpy()
    return list(counts), [pred[0].cpu().numpy() for pred in preds] if keep else []


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The arithmetic that a precision stands for."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, _DTYPES[precision])


def _read(sample: Sample, dataset: Dataset, with_depth: bool) -> _Read:
    image, target = read_photograph(sample), dataset.read_target(sample)
    if image.shape[:2] != target.shape:
        raise DataError(
            f"{sample.id}: image {sample.image} is {image.shape[:2]}, target {sample.target} is {target.shape} (height, width)",
            way_out="segbench scores at the target's own size and never resizes a target",
        )
    return _Read(sample, image, target, read_depth(dataset, sample, target.shape) if with_depth else None)
