"""The class maps that pictures are drawn from: kept while a run counts, so that no network runs twice."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.run import Evaluation
from segbench.metrics.image_counts import Counted
from segbench.metrics.image_scores import Worst, class_iou

OVERLAYS = 3


def overlay_samples(dataset: Dataset) -> Sequence[Sample]:
    """A few samples spread over the split."""
    return tuple(dataset.samples[:: max(1, len(dataset) // OVERLAYS)][:OVERLAYS])


@dataclass(eq=False)
class KeptMaps:
    """Class maps of the samples that are drawn: those spread over the split and, with ``failures``, those on which a class fares worst.

    They are compressed; there are never more than two for each class of a model.
    """

    evaluation: Evaluation
    failures: bool
    _maps: dict[tuple[str, str], tuple[tuple[int, ...], bytes]] = field(default_factory=dict)
    _worst: dict[str, Worst[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._overlays = frozenset(sample.id for sample in overlay_samples(self.evaluation.dataset))

    def wants(self, sample: Sample) -> bool:
        """Whether a sample might be drawn, as far as is known before it was counted."""
        return self.failures or sample.id in self._overlays

    def offer(self, position: int, result: Evaluated, class_map: NDArray[np.uint8]) -> None:
        """Keep the class map uint8[H, W] that the model at ``position`` made of a sample while it may be drawn."""
        segmenter, id = self.evaluation.segmenters[position], result.sample.id
        title, worst = segmenter.title, self._worst.setdefault(segmenter.title, Worst())
        before = worst.images
        if self.failures:
            counted = Counted.of(self.evaluation.counting(segmenter), [(id, result.counts[position])])
            ((_, sums),) = counted.matrices.sums()
            worst.add(id, class_iou(sums)[0], sums.targets[0])
        if id in self._overlays or id in worst.images:
            self._maps[title, id] = class_map.shape, zlib.compress(class_map.tobytes(), 1)
        for gone in before - worst.images - self._overlays:
            self._maps.pop((title, gone), None)

    def take(self, title: str, id: str) -> NDArray[np.uint8] | None:
        """A model's class map uint8[H, W] of a sample; ``None`` where it was counted before this process, or by another."""
        if (title, id) not in self._maps:
            return None
        shape, content = self._maps[title, id]
        return np.frombuffer(zlib.decompress(content), np.uint8).reshape(shape)
