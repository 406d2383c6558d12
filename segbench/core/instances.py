"""iIoU: the instance-weighted counts of the Cityscapes benchmark.

Each instance of a class counts as if it had the class's average size, so small objects weigh as much as large ones. The arithmetic follows
cityscapesScripts 2.3.0 (``csEvalPixelLevelSemanticLabeling``) operation for operation: the weight is ``average / size``, each product is
rounded before it is added, instances are visited in ascending order of their id, images in the order in which they are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray

from segbench.core.confusion import ConfusionMatrix
from segbench.core.labels import LabelSpace
from segbench.errors import LabelError


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
    if instances.shape != pred.shape:
        raise ValueError(f"instances {instances.shape} and prediction {pred.shape} differ in shape")
    flat = np.ascontiguousarray(instances).reshape(-1)
    present = np.zeros(65536, np.bool_)
    present[flat] = True
    values = np.flatnonzero(present)
    values = values[values > rule.divisor]
    slot_of = np.full(65536, -1, np.int32)
    slot_of[values] = np.arange(len(values), dtype=np.int32)
    table = np.zeros((len(values), 256), np.int64)
    _count_slots(flat, np.ascontiguousarray(pred).reshape(-1), slot_of, table)
    return InstanceHits(values.astype(np.int64), table)


_WORDS = numba.types.Array(numba.types.uint16, 1, "C", readonly=True)  # takes writable arrays too
_BYTES = numba.types.Array(numba.types.uint8, 1, "C", readonly=True)


@numba.njit(numba.void(_WORDS, _BYTES, numba.int32[::1], numba.int64[:, ::1]), cache=True, nogil=True)
def _count_slots(instances: NDArray[np.uint16], pred: NDArray[np.uint8], slot_of: NDArray[np.int32], table: NDArray[np.int64]) -> None:
    for i in range(instances.size):
        slot = slot_of[instances[i]]
        if slot >= 0:
            table[slot, pred[i]] += 1


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
        self._index_of_name = {name: index for index, name in enumerate(self.labels.class_names)}
        self._label_of_id = {i: label for label in self.labels.labels for i in label.byte_ids}

    def add(self, hits: InstanceHits) -> NDArray[np.float64]:
        """Add one image, and return its own weighted hits and misses of each class, float64[C, 2].

        :raises LabelError: an instance belongs to a label that is unknown or has no instances.
        """
        image = np.zeros((len(self.labels.classes), 2))
        for value, pred in zip(hits.values, hits.pred, strict=True):
            label_id = int(value) // self.rule.divisor
            label = self._label_of_id.get(label_id)
            weighed = label is not None and label.name in self.class_tp and label.name in self.rule.average_size
            if label is None or (label in self.labels.classes and not weighed):
                raise LabelError(f"instance id {int(value)} belongs to label id {label_id}, which has no instances")
            if label not in self.labels.classes:
                continue
            image[self._index_of_name[label.name]] += self._add_instance(label.name, label.category, label_id, pred)
        return image

    def _add_instance(self, name: str, category: str | None, label_id: int, pred: NDArray[np.int64]) -> tuple[float, float]:
        size = int(pred.sum())
        weight = self.rule.average_size[name] / float(size)
        tp = int(pred[label_id])
        hits, misses = float(tp) * weight, float(size - tp) * weight
        self.class_tp[name] += hits
        self.class_fn[name] += misses
        if category in self._ids_of_category:
            tp = int(pred[self._ids_of_category[category]].sum())
            self.category_tp[category] += float(tp) * weight
            self.category_fn[category] += float(size - tp) * weight
        return hits, misses

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
