"""IoU image by image: never the score of a data set, but where to look.

Wang et al., "Revisiting Evaluation Metrics for Semantic Segmentation: Optimization and Evaluation of Fine-grained Intersection over Union"
(NeurIPS 2023 D&B). A class counts in an image if the target has pixels of it there, whatever is predicted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.matrices import ClassSums, Matrices

Image = TypeVar("Image", bound=Hashable)


Counts = NDArray[np.int64] | Matrices
"""The confusion matrices int64[N, C, C+1] of N images, or the same as the cells that occur."""


def image_class_iou(counts: Counts, chosen: Sequence[int] | None = None) -> NDArray[np.float64]:
    """float64[N, C] from the confusion matrices of N images, of all classes or of some; NaN where the target has no pixel of the class."""
    return class_iou(_matrices(counts).class_sums(chosen))


def image_miou(counts: Counts) -> NDArray[np.float64]:
    """float64[N]: the mean over the classes of each image; NaN of an image that is void all over."""
    parts = [_mean(class_iou(sums)) for sums in _sums(counts)]
    return np.concatenate(parts) if parts else np.zeros(0)


def class_iou(sums: ClassSums) -> NDArray[np.float64]:
    """float64[N, C] of the sums of N images; NaN where the target has no pixel of the class."""
    union = sums.targets + sums.preds - sums.hits
    iou: NDArray[np.float64] = np.divide(sums.hits, union, out=np.full(union.shape, np.nan), where=sums.targets > 0)
    return iou


@dataclass(eq=False)
class Worst(Generic[Image]):
    """For each class the image where its IoU is lowest, image by image; ``classes`` holds that image and IoU, ``None`` for a class in none.

    Images where the class has less than ``share`` of the evaluated pixels are passed over, unless there are no others: a few missed pixels
    teach nothing. Of several the first one counts.
    """

    share: float = 0.002
    _enough: dict[int, tuple[Image, float]] = field(default_factory=dict)
    _any: dict[int, tuple[Image, float]] = field(default_factory=dict)

    def add(self, image: Image, iou: NDArray[np.float64], targets: NDArray[np.int64]) -> None:
        """Look at one more image: the IoU float64[C] of its classes, NaN where its target has none, and its target pixels int64[C]."""
        enough = targets >= self.share * max(int(targets.sum()), 1)
        for index in np.flatnonzero(~np.isnan(iou)).tolist():
            for worst in (self._enough, self._any) if enough[index] else (self._any,):
                if index not in worst or iou[index] < worst[index][1]:
                    worst[index] = image, float(iou[index])

    @property
    def images(self) -> set[Image]:
        """Every image that is, or can still become, the worst of a class."""
        return {image for worst in (self._enough, self._any) for image, _ in worst.values()}

    def classes(self, count: int) -> list[tuple[Image, float] | None]:
        """For each of ``count`` classes its worst image and the IoU (a fraction) there."""
        return [self._enough.get(index, self._any.get(index)) for index in range(count)]


def worst_images(counts: Counts) -> list[tuple[int, float] | None]:
    """For each class the worst of N images by their confusion matrices, as :class:`Worst` has it, and the IoU there."""
    worst, matrices = Worst[int](), _matrices(counts)
    for block, sums in matrices.sums():
        for place, (iou, targets) in enumerate(zip(class_iou(sums), sums.targets, strict=True)):
            worst.add(block.first + place, iou, targets)
    return worst.classes(matrices.classes)


def _matrices(counts: Counts) -> Matrices:
    return counts if isinstance(counts, Matrices) else Matrices.of(counts)


def _sums(counts: Counts) -> Iterator[ClassSums]:
    return (sums for _, sums in _matrices(counts).sums())


def _mean(iou: NDArray[np.float64]) -> NDArray[np.float64]:
    present = ~np.isnan(iou)
    classes = present.sum(axis=1)
    mean: NDArray[np.float64] = np.divide(np.nansum(iou, axis=1), classes, out=np.full(len(iou), np.nan), where=classes > 0)
    return mean
