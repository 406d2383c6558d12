"""What the same label maps would be said to reach elsewhere: other tools average over other things, and call all of them mIoU.

    pixels of all images -> one confusion matrix -> IoU of each class -> mean       the rule here, as in Cityscapes' scripts
    pixels of one image  -> a matrix of each     -> IoU of its classes -> mean -> mean over images

None of the others is a score that segbench records; they explain where a number comes from that does not agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_counts import Counted
from segbench.metrics.image_scores import image_class_iou, image_miou
from segbench.metrics.scores import mean_of_defined, score

BATCH = 8


def absent_as(counted: Counted, value: float) -> float:
    """A class in neither targets nor predictions has this IoU, and stays in the mean."""
    return float(np.nan_to_num(counted.scores.class_iou, nan=value).mean())


def of_targets(counted: Counted) -> float:
    """A class that is only predicted leaves the mean, instead of having IoU 0."""
    return mean_of_defined(counted.scores.class_iou[counted.confusion.counts.sum(axis=1) > 0])


def void_not_masked(counted: Counted) -> float:
    """What is predicted on void pixels is a false positive."""
    counts, labels, pairs = counted.confusion.counts, counted.labels, counted.pairs
    hits = counts.diagonal()
    preds = np.array([int(pairs[:, list(label.byte_ids)].sum()) for label in labels.classes])
    union = counts.sum(axis=1) + preds - hits
    return mean_of_defined(np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0))


def of_batches(counted: Counted) -> float:
    """The mean over batches of images, in order, of each batch's mIoU."""
    batches = (counted.confusions[start : start + BATCH] for start in range(0, len(counted.images), BATCH))
    return mean_of_defined(score(ConfusionMatrix(counted.labels, batch.sum(axis=0))).miou for batch in batches)


def of_images(counted: Counted) -> float:
    """The mean over images of the mean over the classes of an image's target."""
    return mean_of_defined(image_miou(counted.confusions))


def of_images_by_class(counted: Counted) -> float:
    """The mean over classes of the mean over the images whose target holds the class."""
    iou = image_class_iou(counted.confusions)
    return mean_of_defined(mean_of_defined(column) for column in iou.T)


def of_all_classes_at_once(counted: Counted) -> float:
    """Hits of all classes over unions of all classes."""
    counts = counted.confusion.counts
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
