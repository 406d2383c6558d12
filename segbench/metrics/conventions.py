"""What the same label maps would be said to reach elsewhere: other tools average over other things, and call all of them mIoU.

    pixels of all images -> one confusion matrix -> IoU of each class -> mean       the rule here, as in Cityscapes' scripts
    pixels of one image  -> a matrix of each     -> IoU of its classes -> mean -> mean over images

None of the others is a score that segbench records; they explain where a number comes from that does not agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_scores import image_class_iou, image_miou
from segbench.metrics.scores import Scores, mean_of_defined, score

BATCH = 8


@dataclass(frozen=True, eq=False)
class Counted:
    """``pairs`` int64[256, 256] over label ids, void included; ``per_image`` int64[N, C, C+1], the confusion matrix of every image."""

    labels: LabelSpace
    pairs: NDArray[np.int64]
    per_image: NDArray[np.int64]

    @property
    def scores(self) -> Scores:
        """By the rule here."""
        return score(self.matrix(self.per_image))

    def matrix(self, per_image: NDArray[np.int64]) -> ConfusionMatrix:
        """The matrix of some of the images."""
        return ConfusionMatrix(self.labels, per_image.sum(axis=0))


def absent_as(counted: Counted, value: float) -> float:
    """A class in neither targets nor predictions has this IoU, and stays in the mean."""
    return float(np.nan_to_num(counted.scores.class_iou, nan=value).mean())


def of_targets(counted: Counted) -> float:
    """A class that is only predicted leaves the mean, instead of having IoU 0."""
    return mean_of_defined(counted.scores.class_iou[counted.per_image.sum(axis=(0, 2)) > 0])


def void_not_masked(counted: Counted) -> float:
    """What is predicted on void pixels is a false positive."""
    counts, labels = counted.per_image.sum(axis=0), counted.labels
    hits = counts.diagonal()
    preds = np.array([int(counted.pairs[:, list(label.byte_ids)].sum()) for label in labels.classes])
    union = counts.sum(axis=1) + preds - hits
    return mean_of_defined(np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0))


def of_batches(counted: Counted) -> float:
    """The mean over batches of images, in order, of each batch's mIoU."""
    starts = range(0, len(counted.per_image), BATCH)
    return mean_of_defined(score(counted.matrix(counted.per_image[start : start + BATCH])).miou for start in starts)


def of_images(counted: Counted) -> float:
    """The mean over images of the mean over the classes of an image's target."""
    return mean_of_defined(image_miou(counted.per_image))


def of_images_by_class(counted: Counted) -> float:
    """The mean over classes of the mean over the images whose target holds the class."""
    iou = image_class_iou(counted.per_image)
    return mean_of_defined(mean_of_defined(column) for column in iou.T)


def of_all_classes_at_once(counted: Counted) -> float:
    """Hits of all classes over unions of all classes."""
    counts = counted.per_image.sum(axis=0)
    hits = int(counts.diagonal().sum())
    union = int(counts.sum() + counts[:, :-1].sum()) - hits
    return hits / union if union else float("nan")


CONVENTIONS: dict[str, Callable[[Counted], float]] = {
    "one matrix over all pixels; absent classes left out (segbench, Cityscapes, VOC, mmsegmentation)": lambda c: c.scores.miou,
    "the same; an absent class has IoU 0 (ADE20K's, BDD100K's and SegNet's scripts)": lambda c: absent_as(c, 0),
    "the same; an absent class has IoU 1 (PaddleSeg, segmentation_models.pytorch)": lambda c: absent_as(c, 1),
    "the same; only classes of the targets (detectron2, COCO-Stuff)": of_targets,
    "the same; predictions on void are false positives (void not masked)": void_not_masked,
    f"mean over batches of {BATCH} images (many training loops)": of_batches,
    "mean over images of each one's mIoU (mIoU^I; torchmetrics' MeanIoU averages images too)": of_images,
    "mean over the images of each class, then over classes (mIoU^C)": of_images_by_class,
    "hits and unions of all classes at once (micro)": of_all_classes_at_once,
    "mean Dice (F1) instead of IoU": lambda c: mean_of_defined(c.scores.class_dice),
}
"""What is called mIoU: description to function of a :class:`Counted`, fractions; NaN where it is undefined. The first is the rule here."""
