"""IoU image by image: never the score of a data set, but where to look.

Wang et al., "Revisiting Evaluation Metrics for Semantic Segmentation: Optimization and Evaluation of Fine-grained Intersection over Union"
(NeurIPS 2023 D&B). A class counts in an image if the target has pixels of it there, whatever is predicted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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


def worst_images(counts: NDArray[np.int64], share: float = 0.002) -> list[int | None]:
    """For each class the image where its IoU is lowest; ``None`` for a class that no image holds.

    Images where the class has less than ``share`` of the evaluated pixels are passed over, unless there are no others: a few missed pixels
    teach nothing.
    """
    iou, targets = image_class_iou(counts), counts.sum(axis=2)
    enough = targets >= share * np.maximum(targets.sum(axis=1, keepdims=True), 1)
    worst: list[int | None] = []
    for index in range(iou.shape[1]):
        candidates = np.flatnonzero(enough[:, index] & ~np.isnan(iou[:, index]))
        if not len(candidates):
            candidates = np.flatnonzero(~np.isnan(iou[:, index]))
        worst.append(int(candidates[iou[candidates, index].argmin()]) if len(candidates) else None)
    return worst
