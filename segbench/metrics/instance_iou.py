"""iIoU: the instance-weighted counts of the Cityscapes benchmark.

Each instance of a class counts as if it had the class's average size, so small objects weigh as much as large ones. The arithmetic follows
cityscapesScripts 2.3.0 (``csEvalPixelLevelSemanticLabeling``) operation for operation: the weight is ``average / size``, each product is
rounded before it is added, instances are visited in ascending order of their id, images in the order of the data set. What is kept of an
image is whole numbers, a row for each instance; everything is weighed at once, in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.statistic import Floats, Statistic, Sums, by_class, divide, mean_of_classes

Rows = NDArray[np.int64]
"""int64[K, 4] of K instances: instance id; pixels; those predicted as its class; those predicted as a label of its category."""


@dataclass(frozen=True)
class InstanceRule:
    """How an instance map is read: a value above ``divisor`` is label id ``value // divisor``, instance ``value % divisor``.

    ``average_size`` gives the mean pixels of an instance of each class, by name.
    """

    divisor: int
    average_size: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class InstanceTable:
    """Which instances of a label space count by a rule, and how much; looked up once for all images.

    A class has iIoU if it has instances. A category has it if every one of its labels, void ones included, has instances.
    """

    labels: LabelSpace
    rule: InstanceRule

    @cached_property
    def class_of_id(self) -> NDArray[np.int64]:
        """int64[257]: label id to class index; C for a void label, which weighs nothing, and -1 for a label without instances."""
        table = np.full(257, -1)
        table[[i for label in self.labels.void for i in label.byte_ids]] = len(self.labels.classes)
        for index, label in enumerate(self.labels.classes):
            if label.has_instances and label.name in self.rule.average_size:
                table[list(label.byte_ids)] = index
        return table

    @cached_property
    def average_size(self) -> NDArray[np.float64]:
        """float64[C], NaN for a class without one."""
        return np.array([self.rule.average_size.get(name, np.nan) for name in self.labels.class_names])

    @cached_property
    def categories(self) -> dict[str, list[int]]:
        """Category to the ids of its labels, for the categories that have iIoU."""
        return instance_categories(self.labels)

    @cached_property
    def category_of_class(self) -> NDArray[np.intp]:
        """int[C]: the position of a class's category among :attr:`categories`; their number if it is not one of them."""
        position = {category: index for index, category in enumerate(self.categories)}
        return np.array([position.get(label.category or "", len(position)) for label in self.labels.classes])

    def classes_of(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class index of each instance id, C for a void label.

        :raises LabelError: an instance belongs to a label that is unknown or has no instances.
        """
        label_ids = values // self.rule.divisor
        classes = self.class_of_id[np.minimum(label_ids, 256)]
        if (stray := (classes < 0).nonzero()[0]).size:
            raise LabelError(f"instance id {values[stray[0]]} belongs to label id {label_ids[stray[0]]}, which has no instances")
        return classes


def instance_rows(table: InstanceTable, values: NDArray[np.int64], hits: NDArray[np.int64]) -> Rows:
    """The rows of the instances that belong to a class.

    :param values: int64[K], instance ids in ascending order.
    :param hits: int64[K, 256], for each instance its pixels of each predicted label id.
    :raises LabelError: see :meth:`InstanceTable.classes_of`.
    """
    classes = table.classes_of(values)
    counted = classes < len(table.labels.classes)
    values, hits, classes = values[counted], hits[counted], classes[counted]
    number = np.arange(len(values))
    of_class = hits[number, values // table.rule.divisor]
    of_categories = np.stack([*(hits[:, ids].sum(axis=1) for ids in table.categories.values()), np.zeros_like(values)], axis=1)
    return np.stack([values, hits.sum(axis=1), of_class, of_categories[number, table.category_of_class[classes]]], axis=1)


@dataclass(frozen=True, eq=False)
class InstanceScores:
    """iIoU of the instances ``rows`` of a whole data set, by class and by category; only of those for which it is defined."""

    table: InstanceTable
    rows: Rows

    @cached_property
    def of_class(self) -> dict[str, tuple[float, float]]:
        """Weighted hits and misses by class name."""
        sums = weighted_sums(self.table, self.rows, np.zeros(len(self.rows), np.intp), 1)[0].tolist()
        pairs = zip(self.table.labels.classes, sums, strict=True)
        return {label.name: (hits, misses) for label, (hits, misses) in pairs if label.has_instances}

    @cached_property
    def of_category(self) -> dict[str, tuple[float, float]]:
        """Weighted hits and misses by category."""
        categories = self.table.categories
        place = self.table.category_of_class[self.table.classes_of(self.rows[:, 0])]
        sums = _added(place, self.rows, 3, self.table, len(categories) + 1).tolist()
        return {category: (hits, misses) for category, (hits, misses) in zip(categories, sums, strict=False)}

    def class_iiou(self, confusion: ConfusionMatrix) -> dict[str, float]:
        """Class name to iIoU, NaN where the class has neither instances nor false positives in the data."""
        result = {}
        for index, name in enumerate(self.table.labels.class_names):
            if name in self.of_class:
                fp = int(confusion.preds[index] - confusion.hits[index])
                result[name] = _ratio(*self.of_class[name], fp)
        return result

    def category_iiou(self, pairs: NDArray[np.int64]) -> dict[str, float]:
        """Category to iIoU, from the summed pair counts: columns of void labels of the category (a trailer) are false positives too."""
        result = {}
        for category, ids in self.table.categories.items():
            others = [i for label in self.table.labels.classes if label.category != category for i in label.byte_ids]
            fp = int(pairs[np.ix_(others, ids)].sum())
            result[category] = _ratio(*self.of_category[category], fp)
        return result


def weighted_sums(table: InstanceTable, rows: Rows, image: NDArray[np.intp], images: int) -> NDArray[np.float64]:
    """float64[N, C, 2]: the weighted hits and misses of each class in each image; ``image`` int[K] is the image of each row."""
    classes = len(table.labels.classes)
    return _added(image * classes + table.classes_of(rows[:, 0]), rows, 2, table, images * classes).reshape(images, classes, 2)


def instance_categories(labels: LabelSpace) -> dict[str, list[int]]:
    """Category to the ids of its labels, void ones included, for the categories whose labels all have instances."""
    result: dict[str, list[int]] = {}
    for category in labels.categories:
        members = [label for label in labels.labels if label.category == category and label.byte_ids]
        if all(label.has_instances for label in members):
            result[category] = sorted(i for label in members for i in label.byte_ids)
    return result


def _added(place: NDArray[np.intp], rows: Rows, column: int, table: InstanceTable, places: int) -> NDArray[np.float64]:
    """float64[P, 2]: hits (a column of the rows) and misses times weights, added one row after the other: floats depend on the order."""
    weights = table.average_size[table.classes_of(rows[:, 0])] / rows[:, 1]
    hits, misses = rows[:, column] * weights, (rows[:, 1] - rows[:, column]) * weights
    return np.stack([np.bincount(place, values, places) for values in (hits, misses)], axis=1)


def _ratio(tp: float, fn: float, fp: int) -> float:
    denominator = tp + fp + fn
    return tp / denominator if denominator != 0 else float("nan")


def _scores(pairs: Sums, sums: Floats) -> dict[str, Floats]:
    hits, misses = np.split(sums, 2)
    class_iiou = divide(hits, hits + (pairs.preds - pairs.hits) + misses)
    class_iiou[[not label.has_instances for label in pairs.labels.classes]] = np.nan
    return {"iiou": mean_of_classes(pairs.labels, class_iiou), "class_iiou": class_iiou}


INSTANCES = Statistic(lambda classes: (classes, 2), {"iiou": "one", "class_iiou": "class"}, by_class, _scores)
"""The weighted hits and misses of every image, float64[N, C, 2], as :func:`weighted_sums` gives them."""
