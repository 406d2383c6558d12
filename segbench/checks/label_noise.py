"""How well a data set's targets agree with plausible redrawings of themselves: no difference below that can be read as a better network.

A second annotator sees the same objects and puts their edges a little elsewhere. A redrawing moves every edge by a smooth random field, so
that a point of an edge lands so many pixels away along each axis (standard deviation), neighbours nearly alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.errors import RecordError
from segbench.files.foreign import read_json
from segbench.labels.decoding import Decoding
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.scores import mean_of_defined
from segbench.parallel import map_ordered
from segbench.records.data_facts import data_facts

SCHEMA = "segbench-ceiling/1"
WAVE = 8.0  # times the jitter: how far apart two points of an edge are that move independently of each other
SHORTEST_WAVE = 16.0  # pixels


@dataclass(frozen=True)
class Ceiling:
    """The scores (fractions) of redrawn targets against the targets themselves, the mean over ``drawings`` of them.

    ``jitter`` in pixels. ``miou_sd``: the standard deviation over the drawings; 0 of a single one. ``class_iou``: by class, ``None`` where
    a class occurs in no target.
    """

    dataset: str
    targets_sha256: str
    jitter: float
    drawings: int
    seed: int
    miou: float
    miou_sd: float
    class_iou: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"schema": SCHEMA, **vars(self)}


def read_ceiling(path: Path) -> Ceiling:
    """Read what ``segbench ceiling --out`` wrote.

    :raises RecordError: it is something else.
    """
    try:
        data = dict(read_json(path))
        if data.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        found = Ceiling(**data)
        texts, numbers = (found.dataset, found.targets_sha256), (found.jitter, found.miou, found.miou_sd)
        if not (all(isinstance(each, str) for each in texts) and all(isinstance(each, int | float) for each in numbers)):
            raise TypeError("a field of another kind")
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise RecordError(f"{path}: not what `segbench ceiling --out` writes ({error})") from None
    return found


def ceilings(dataset: Dataset, jitter: float, drawings: int, *, seed: int = 0, workers: int = 4) -> Iterator[Ceiling | int]:
    """Redraw every target and score it against itself; yields the number of images done so far, and then the :class:`Ceiling`.

    The same seed gives the same drawings on every machine.

    :raises DataError: a target cannot be read.
    """
    labels = dataset.labels
    counting = Counting(Decoding.of_files(labels, encoding="ids", target_encoding="ids"))
    scores, counted, done = [], None, 0
    for drawing in range(drawings):
        items = list[tuple[str, ImageCounts]]()
        redraw = partial(_counted, dataset=dataset, counting=counting, jitter=jitter, seed=f"{seed} {drawing}")
        for sample, counts in zip(dataset.samples, map_ordered(redraw, dataset.samples, workers=workers), strict=True):
            items.append((sample.id, counts))
            done += 1
            yield done
        counted = Counted.of(counting, items)
        scores.append(counted.scores)
    assert counted is not None
    mious = np.array([each.miou for each in scores])
    classes = [mean_of_defined(np.array([each.class_iou[at] for each in scores])) for at in range(len(labels.classes))]
    by_name = {name: None if np.isnan(iou) else float(iou) for name, iou in zip(labels.class_names, classes, strict=True)}
    spread = float(mious.std(ddof=1)) if drawings > 1 else 0.0
    sha256 = str(data_facts(dataset, counted.target_histograms())["targets_sha256"])
    yield Ceiling(dataset.title, sha256, jitter, drawings, seed, float(mious.mean()), spread, by_name)


def _counted(sample: Sample, *, dataset: Dataset, counting: Counting, jitter: float, seed: str) -> ImageCounts:
    target = dataset.read_target(sample)
    digest = hashlib.sha256(f"{seed} {sample.id}".encode()).digest()
    evaluated = dataset.labels.index_of_id[target] < len(dataset.labels.classes)
    return count_maps(counting, target, redrawn(target, evaluated, jitter, np.random.default_rng(list(digest))))


def redrawn(target: NDArray[Any], evaluated: NDArray[np.bool_], jitter: float, rng: np.random.Generator) -> NDArray[Any]:
    """A target [H, W] whose edges have moved; pixels that are not ``evaluated`` bool[H, W] stay, and nothing of them moves in.

    :param jitter: standard deviation of the shift along each axis, in pixels.
    """
    height, width = target.shape
    if not jitter:
        return target
    shifts = [_smooth(height, width, max(SHORTEST_WAVE, WAVE * jitter), rng) * jitter for _ in range(2)]
    rows = np.clip(np.rint(np.arange(height)[:, None] + shifts[0]).astype(np.int64), 0, height - 1)
    columns = np.clip(np.rint(np.arange(width)[None, :] + shifts[1]).astype(np.int64), 0, width - 1)
    return np.where(evaluated & evaluated[rows, columns], target[rows, columns], target)


def _smooth(height: int, width: int, wave: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32[H, W] of variance 1 everywhere: normal numbers on a grid ``wave`` pixels apart, put elsewhere by linear weights."""
    lines, columns = _weights(height, wave), _weights(width, wave)
    field = lines @ rng.standard_normal((lines.shape[1], columns.shape[1])).astype(np.float32) @ columns.T
    scale: NDArray[np.float32] = 1 / np.sqrt(np.square(lines).sum(axis=1)[:, None] * np.square(columns).sum(axis=1)[None, :])
    return field * scale


def _weights(size: int, wave: float) -> NDArray[np.float32]:
    """float32[size, K]: the linear weights of K grid points for each pixel of a side."""
    place = np.arange(size) / wave
    left = place.astype(np.int64)
    weights = np.zeros((size, int(left[-1]) + 2), np.float32)
    weights[np.arange(size), left] = 1 - (place - left)
    weights[np.arange(size), left + 1] = place - left
    return weights
