"""iIoU: the instance-weighted counts of the Cityscapes benchmark.

Each instance of a class counts as if it had the class's average size, so small objects weigh as much as large ones. The arithmetic follows
cityscapesScripts 2.3.0 (``csEvalPixelLevelSemanticLabeling``) operation for operation: the weight is ``average / size``, each product is
rounded before it is added, instances are visited in ascending order of their id, images in the order in which they are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.kernels.instance_counting import count_by_instance
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix


@dataclass(frozen=True)
class InstanceRule:
    """How an instance map is read: a value above ``divisor`` is label id ``value // divisor``, instance ``value % divisor``.

    ``average_size`` gives the mean pixels of an instance of each class, by name.
    """

    divisor: int
    average_size: Mapping[str, float]


@dataclass(frozen=True)
class InstanceHits:
    """Of one image, for every instance in ascending order of its value: pixels, and pixels of each predicted byte.

    ``values`` int64[K], ``pred`` int64[K, 256] (rows sum to the instance's size).
    """

    values: NDArray[np.int64]
    pred: NDArray[np.int64]


def count_instances(instances: NDArray[np.uint16], pred: NDArray[np.uint8], rule: InstanceRule) -> InstanceHits:
    """Histogram of predicted bytes inside every instance.

    :param instances: uint16[H, W], instance ids.
    :param pred: uint8[H, W], predicted bytes, of the same shape.
    :raises ValueError: the shapes differ.
    """
    return InstanceHits(*count_by_instance(instances, pred, rule.divisor))


@dataclass
class InstanceScores:
    """Running weighted counts, by class name and by category; only those for which iIoU is defined.

    A class has iIoU if it has instances. A category has it if every one of its labels, void ones included, has instances.
    """

    labels: LabelSpace
    rule: InstanceRule
    class_tp: dict[str, float] = field(init=False)
    class_fn: dict[str, float] = field(init=False)
    category_tp: dict[str, float] = field(init=False)
    category_fn: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        names = [label.name for label in self.labels.classes if label.has_instances]
        self._ids_of_category = instance_categories(self.labels)
        self.class_tp, self.class_fn = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        self.category_tp = dict.fromkeys(self._ids_of_category, 0.0)
        self.category_fn = dict.fromkeys(self._ids_of_category, 0.0)
        self._void_ids = {i for label in self.labels.void for i in label.byte_ids}
        weighed = self.class_tp.keys() & self.rule.average_size.keys()
        rows = [(index, label) for index, label in enumerate(self.labels.classes) if label.name in weighed]
        self._weighed = {i: row for row in rows for i in row[1].byte_ids}

    def add(self, hits: InstanceHits) -> NDArray[np.float64]:
        """Add one image, and return its own weighted hits and misses of each class, float64[C, 2].

        :raises LabelError: an instance belongs to a label that is unknown or has no instances.
        """
        label_ids = (hits.values // self.rule.divisor).tolist()
        for value, label_id in zip(hits.values.tolist(), label_ids, strict=True):
            if label_id not in self._weighed and label_id not in self._void_ids:
                raise LabelError(f"instance id {value} belongs to label id {label_id}, which has no instances")
        # Whole numbers of all instances at once; then one instance after the other, since sums of floats depend on the order.
        sizes = hits.pred.sum(axis=1).tolist()
        of_category = {name: hits.pred[:, ids].sum(axis=1).tolist() for name, ids in self._ids_of_category.items()}
        image = [[0.0, 0.0] for _ in self.labels.classes]
        for row, (label_id, size) in enumerate(zip(label_ids, sizes, strict=True)):
            if label_id in self._void_ids:
                continue
            index, label = self._weighed[label_id]
            weight = self.rule.average_size[label.name] / float(size)
            tp = int(hits.pred[row, label_id])
            hit, missed = float(tp) * weight, float(size - tp) * weight
            self.class_tp[label.name] += hit
            self.class_fn[label.name] += missed
            image[index][0] += hit
            image[index][1] += missed
            if label.category in of_category:
                tp = of_category[label.category][row]
                self.category_tp[label.category] += float(tp) * weight
                self.category_fn[label.category] += float(size - tp) * weight
        return np.array(image)

    def class_iiou(self, confusion: ConfusionMatrix) -> dict[str, float]:
        """Class name to iIoU, NaN where the class has neither instances nor false positives in the data."""
        rows = confusion.counts.sum(axis=0)
        result = {}
        for index, label in enumerate(self.labels.classes):
            if label.name in self.class_tp:
                fp = int(rows[index]) - int(confusion.counts[index, index])
                result[label.name] = _ratio(self.class_tp[label.name], self.class_fn[label.name], fp)
        return result

    def category_iiou(self, pairs: NDArray[np.int64]) -> dict[str, float]:
        """Category to iIoU, from the summed pair counts: columns of void labels of the category (a trailer) are false positives too."""
        result = {}
        for category, ids in self._ids_of_category.items():
            others = [i for label in self.labels.classes if label.category != category for i in label.byte_ids]
            fp = int(pairs[np.ix_(others, ids)].sum())
            result[category] = _ratio(self.category_tp[category], self.category_fn[category], fp)
        return result


def instance_categories(labels: LabelSpace) -> dict[str, list[int]]:
    """Category to the ids of its labels, void ones included, for the categories whose labels all have instances."""
    result: dict[str, list[int]] = {}
    for category in labels.categories:
        members = [label for label in labels.labels if label.category == category and label.byte_ids]
        if all(label.has_instances for label in members):
            result[category] = sorted(i for label in members for i in label.byte_ids)
    return result


def _ratio(tp: float, fn: float, fp: int) -> float:
    denominator = tp + fp + fn
    return tp / denominator if denominator != 0 else float("nan")
