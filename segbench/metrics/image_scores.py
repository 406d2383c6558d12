"""IoU image by image: never the score of a data set, but where to look.

Wang et al., "Revisiting Evaluation Metrics for Semantic Segmentation: Optimization and Evaluation of Fine-grained Intersection over Union"
(NeurIPS 2023 D&B). A class counts in an image if the target has pixels of it there, whatever is predicted.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = TypeVar("Image", bound=Hashable)


def image_class_iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[N, C] from the confusion matrices int64[N, C, C+1] of N images; NaN where the target has no pixel of the class."""
    hits = counts.diagonal(axis1=1, axis2=2)
    targets, preds = counts.sum(axis=2), counts[:, :, :-1].sum(axis=1)
    union = targets + preds - hits
    iou: NDArray[np.float64] = np.divide(hits, union, out=np.full(hits.shape, np.nan), where=targets > 0)
    return iou


def image_miou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[N]: the mean over the classes of each image; NaN of an image that is void all over."""
    iou = image_class_iou(counts)
    present = ~np.isnan(iou)
    classes = present.sum(axis=1)
    mean: NDArray[np.float64] = np.divide(np.nansum(iou, axis=1), classes, out=np.full(len(iou), np.nan), where=classes > 0)
    return mean


@dataclass(eq=False)
class Worst(Generic[Image]):
    """For each class the image where its IoU is lowest, image by image; ``classes`` holds that image and IoU, ``None`` for a class in none.

    Images where the class has less than ``share`` of the evaluated pixels are passed over, unless there are no others: a few missed pixels
    teach nothing. Of several the first one counts.
    """

    share: float = 0.002
    _enough: dict[int, tuple[Image, float]] = field(default_factory=dict)
    _any: dict[int, tuple[Image, float]] = field(default_factory=dict)

    def add(self, image: Image, confusion: NDArray[np.int64]) -> None:
        """Look at the confusion matrix int64[C, C+1] of one more image."""
        iou, targets = image_class_iou(confusion[None])[0], confusion.sum(axis=1)
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


def worst_images(counts: NDArray[np.int64]) -> list[tuple[int, float] | None]:
    """For each class the worst of N images with confusion matrices int64[N, C, C+1], as :class:`Worst` has it, and the IoU there."""
    worst = Worst[int]()
    for image, confusion in enumerate(counts):
        worst.add(image, confusion)
    return worst.classes(counts.shape[1])
