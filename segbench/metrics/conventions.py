"""What the same label maps would be said to reach elsewhere: other tools average over other things, and call all of them mIoU.

    pixels of all images -> one confusion matrix -> IoU of each class -> mean       the rule here, as in Cityscapes' scripts
    pixels of one image  -> a matrix of each     -> IoU of its classes -> mean -> mean over images

None of the others is a score that segbench ranks by; they explain where a number comes from that does not agree. Medical papers report the
Dice of the foreground: of every class beside the one called background, or beside the first one of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.cells import Cells
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_counts import Counted
from segbench.metrics.image_scores import class_iou, image_miou
from segbench.metrics.scores import mean_of_defined, score

BATCH = 8
BACKGROUND = ("background", "bg")


def absent_as(counted: Counted, value: float) -> float:
    """A class in neither targets nor predictions has this IoU, and stays in the mean."""
    return float(np.nan_to_num(counted.scores.class_iou, nan=value).mean())


def of_targets(counted: Counted) -> float:
    """A class that is only predicted leaves the mean, instead of having IoU 0."""
    return mean_of_defined(counted.scores.class_iou[counted.confusion.targets > 0])


def void_not_masked(counted: Counted) -> float:
    """What is predicted on void pixels is a false positive."""
    confusion, labels, pixels = counted.confusion, counted.labels, counted.pred_pixels
    preds = np.array([int(pixels[list(labels.ids_of(label))].sum()) for label in labels.classes])
    union = confusion.targets + preds - confusion.hits
    return mean_of_defined(np.divide(confusion.hits, union, out=np.full(len(union), np.nan), where=union > 0))


def of_batches(counted: Counted) -> float:
    """The mean over batches of images, in order, of each batch's mIoU."""
    starts = range(0, len(counted), BATCH)
    sums = (counted.matrices.total(start, min(start + BATCH, len(counted))) for start in starts)
    return mean_of_defined(score(ConfusionMatrix(counted.labels, each)).miou for each in sums)


def of_images(counted: Counted) -> float:
    """The mean over images of the mean over the classes of an image's target."""
    return mean_of_defined(image_miou(counted.matrices))


def of_images_with_predictions(counted: Counted) -> float:
    """The mean over images of the mean over the classes of an image's target or prediction."""
    found: list[float] = []
    for _, (hits, targets, preds) in counted.matrices.sums():
        union = targets + preds - hits
        iou = np.divide(hits, union, out=np.zeros(hits.shape), where=union > 0)
        classes = (union > 0).sum(axis=1)
        found += np.divide(iou.sum(axis=1), classes, out=np.full(len(iou), np.nan), where=classes > 0).tolist()
    return mean_of_defined(found)


def without_void_predictions(counted: Counted) -> float:
    """Pixels that are predicted as no class are not evaluated, instead of being wrong."""
    cells = counted.confusion.cells
    inside = cells.columns < cells.classes
    return score(ConfusionMatrix(counted.labels, Cells(cells.classes, cells.keys[inside], cells.pixels[inside]))).miou


def foreground(labels: LabelSpace) -> list[int]:
    """The classes that are no background; none where the label space does not say which is."""
    names = [name.strip("_ ").casefold() for name in labels.class_names]
    background = next((names.index(name) for name in BACKGROUND if name in names), 0 if len(names) == 2 else None)
    return [] if background is None else [index for index in range(len(names)) if index != background]


def foreground_dice(counted: Counted) -> float:
    """The mean over the classes of the foreground of their Dice, over the pixels of all images."""
    return mean_of_defined(counted.scores.class_dice[foreground(counted.labels)])


def foreground_dice_of_images(counted: Counted, empty: float = math.nan) -> float:
    """The mean over the classes of the foreground of the mean over images of their Dice.

    :param empty: the Dice of an image without the class in target and prediction; NaN leaves it out.
    """
    chosen = foreground(counted.labels)

    def dice() -> Iterator[NDArray[np.float64]]:
        for _, sums in counted.matrices.sums():
            hits, targets, preds = (values[:, chosen] for values in sums)
            yield np.divide(2 * hits, targets + preds, out=np.full(hits.shape, empty), where=targets + preds > 0)

    return mean_of_defined(_mean_of_images(dice(), len(chosen)))


def of_images_by_class(counted: Counted) -> float:
    """The mean over classes of the mean over the images whose target holds the class."""
    iou = (class_iou(sums) for _, sums in counted.matrices.sums())
    return mean_of_defined(_mean_of_images(iou, len(counted.labels.classes)))


def _mean_of_images(blocks: Iterable[NDArray[np.float64]], classes: int) -> NDArray[np.float64]:
    """float64[C] of float64[n, C] of some images at a time: the mean over images of what is not NaN, added in their order."""
    total, defined = np.zeros(classes), np.zeros(classes)
    for block in blocks:
        for row in block:
            total += np.nan_to_num(row)
            defined += ~np.isnan(row)
    means: NDArray[np.float64] = np.divide(total, defined, out=np.full(classes, np.nan), where=defined > 0)
    return means


def of_all_classes_at_once(counted: Counted) -> float:
    """Hits of all classes over unions of all classes."""
    hits, targets, preds = (int(each.sum()) for each in (counted.confusion.hits, counted.confusion.targets, counted.confusion.preds))
    union = targets + preds - hits
    return hits / union if union else float("nan")


def explain(counted: Counted) -> dict[str, float]:
    """What the label maps reach under every convention that says something of them."""
    values = {name: of(counted) for name, of in CONVENTIONS.items()}
    return {name: value for name, value in values.items() if not (math.isnan(value) and "foreground" in name)}


CONVENTIONS: dict[str, Callable[[Counted], float]] = {
    "one matrix over all pixels; absent classes left out (segbench, Cityscapes, VOC, mmsegmentation)": lambda c: c.scores.miou,
    "the same; an absent class has IoU 0 (ADE20K's, BDD100K's and SegNet's scripts)": lambda c: absent_as(c, 0),
    "the same; an absent class has IoU 1 (PaddleSeg, segmentation_models.pytorch)": lambda c: absent_as(c, 1),
    "the same; only classes of the targets (detectron2, COCO-Stuff)": of_targets,
    "the same; predictions on void are false positives (void not masked)": void_not_masked,
    f"mean over batches of {BATCH} images (many training loops)": of_batches,
    "the same; pixels predicted as no class are left out (fast_hist in many repositories)": without_void_predictions,
    "mean over images of each one's mIoU over the classes of its target (mIoU^I)": of_images,
    "mean over images of each one's mIoU over the classes of its target or prediction (torchmetrics' MeanIoU)": of_images_with_predictions,
    "mean over the images of each class, then over classes (mIoU^C)": of_images_by_class,
    "hits and unions of all classes at once (micro)": of_all_classes_at_once,
    "mean Dice (F1) instead of IoU": lambda c: c.scores.dice,
    "Dice of the foreground, over the pixels of all images": foreground_dice,
    "Dice of the foreground, mean over images; images without it are left out": foreground_dice_of_images,
    "Dice of the foreground, mean over images; images without it count as 1": lambda c: foreground_dice_of_images(c, empty=1.0),
}
"""What is called mIoU: description to function of a :class:`Counted`, fractions; NaN where it is undefined. The first is the rule here."""
