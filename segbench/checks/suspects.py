"""Segments of a data set on which several networks agree with each other and not with the target: where to look for mistakes of annotators.

For each connected segment of a target, what the networks say of its pixels is weighed against what each network usually means by that:

    odds = mean over pixels and networks of  log P(agreed class | predicted class) - log P(target's class | predicted class)
    suspicion = odds * log(pixels)

where P comes from a network's own confusion matrix over the other images. A network that often takes signs for buildings arouses no
suspicion where it does so again; one that never takes sky for a car does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.kernels.watershed import connected_segments

LEAST_PIXELS = 64
LEAST_SHARE = 0.05
"""Of a segment's pixels, on which each network says the class that they agree on."""

Read = Callable[[Sample], NDArray[np.uint8]]
"""A network's class map of a sample: uint8[H, W] class indices, C or more for no class."""


@dataclass(frozen=True)
class Suspect:
    """A segment of the image ``id``; its box is in pixels. The networks say, on average, that a ``share`` of it is ``agreed``."""

    id: str
    top: int
    left: int
    height: int
    width: int
    pixels: int
    target: str
    agreed: str
    share: float
    suspicion: float


@dataclass(frozen=True, eq=False)
class Network:
    """Of a network the confusion matrix int64[C, C+1] over the data set, and its class maps."""

    confusion: NDArray[np.int64]
    read: Read


def suspects(dataset: Dataset, networks: Sequence[Network], *, least_pixels: int = LEAST_PIXELS) -> Iterator[list[Suspect]]:
    """For each image of a data set the segments of at least ``least_pixels`` pixels on which all networks agree against the target.

    :raises DataError: a target or a class map cannot be read.
    """
    classes = len(dataset.labels.classes)
    for sample in dataset.samples:
        target = dataset.labels.index_of_id[dataset.read_target(sample)]
        preds = [np.minimum(network.read(sample), classes) for network in networks]
        inside = target < classes
        # What is learned from the other images: a mistake must not speak for itself.
        others = [
            network.confusion - _confusion(target[inside], pred[inside], classes) for network, pred in zip(networks, preds, strict=True)
        ]
        yield _of_image(
            sample.id,
            dataset.labels.class_names,
            target,
            list(zip([log_posterior(each) for each in others], preds, strict=True)),
            least_pixels,
        )


def _confusion(target: NDArray[np.uint8], pred: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    return np.bincount(target.astype(np.int64) * (classes + 1) + pred, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def log_posterior(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[C+1, C]: the logarithm of the probability of each target class where a class (last: none) is predicted.

    A pixel is added to each cell.
    """
    counts = confusion.T + 1.0
    posterior: NDArray[np.float64] = np.log(counts / counts.sum(axis=1, keepdims=True))
    return posterior


def _of_image(
    id: str,
    names: Sequence[str],
    target: NDArray[np.uint8],
    networks: Sequence[tuple[NDArray[np.float64], NDArray[np.uint8]]],
    least_pixels: int,
) -> list[Suspect]:
    """``networks``: the logarithms of :func:`log_posterior` and the class map of each."""
    classes, found = len(names), list[Suspect]()
    for own in np.unique(target[target < classes]).tolist():
        segments = connected_segments(target == own)
        number = int(segments.max()) + 1
        said = np.stack([_histograms(segments, pred, number, classes + 1) for _, pred in networks])
        pixels = said[0].sum(axis=1)
        shares = said / np.maximum(pixels, 1)[:, None]  # [networks, segments, classes and none]
        scores = np.mean([share @ table for share, (table, _) in zip(shares, networks, strict=True)], axis=0)
        mean = shares.mean(axis=0)[:, :classes]
        mean[:, own] = -1
        agreed = mean.argmax(axis=1)
        each = np.arange(number)
        odds = scores[each, agreed] - scores[:, own]
        least = shares[:, each, agreed].min(axis=0)
        for at in np.flatnonzero((each > 0) & (pixels >= least_pixels) & (odds > 0) & (least >= LEAST_SHARE)).tolist():
            suspicion = float(odds[at] * np.log(pixels[at]))
            box, class_there = _box(segments == at), int(agreed[at])
            found.append(Suspect(id, *box, int(pixels[at]), names[own], names[class_there], float(mean[at, class_there]), suspicion))
    return found


def _histograms(segments: NDArray[np.int32], values: NDArray[np.uint8], number: int, levels: int) -> NDArray[np.int64]:
    """int64[number, levels]: how often each value occurs in each segment."""
    cells = segments.astype(np.int64) * levels + values
    return np.bincount(cells.reshape(-1), minlength=number * levels).reshape(number, levels)


def _box(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is inside."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
