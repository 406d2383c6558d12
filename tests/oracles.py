"""Slow, obvious implementations to compare with. None of them uses segbench's arithmetic."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def naive_pairs(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One pixel at a time."""
    pairs = np.zeros((256, 256), np.int64)
    for t, p in zip(target.ravel().tolist(), pred.ravel().tolist(), strict=True):
        pairs[t, p] += 1
    return pairs


def bincount_pairs(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The usual trick, in integers that are wide enough."""
    return np.bincount(target.ravel().astype(np.int64) * 256 + pred.ravel(), minlength=65536).reshape(256, 256)


def fast_hist(target: NDArray[np.uint8], pred: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """``_fast_hist`` as it has been copied from repository to repository since FCN's ``score.py``: only the *target* is masked."""
    mask = (target >= 0) & (target < classes)
    return np.bincount(classes * target[mask].astype(int) + pred[mask], minlength=classes**2).reshape(classes, classes)


def fcn_scores(counts: list[list[int]]) -> dict[str, float]:
    """The four scores of Long et al. 2015, section 5, in exact fractions of integers; the last column is "no class"."""
    classes = len(counts)
    t = [sum(row) for row in counts]
    p = [sum(counts[i][j] for i in range(classes)) for j in range(classes)]
    n = [counts[i][i] for i in range(classes)]
    iou = {i: n[i] / (t[i] + p[i] - n[i]) for i in range(classes) if t[i] + p[i] - n[i]}
    acc = {i: n[i] / t[i] for i in range(classes) if t[i]}
    return {
        "acc": sum(n) / sum(t) if sum(t) else math.nan,
        "acc_cls": math.fsum(acc.values()) / len(acc) if acc else math.nan,
        "miou": math.fsum(iou.values()) / len(iou) if iou else math.nan,
        "fwiou": math.fsum(t[i] * iou[i] for i in iou) / sum(t) if sum(t) else math.nan,
    }


def weighted_instances(
    images: list[tuple[NDArray[np.uint16], NDArray[np.uint8]]],
    average_size: dict[int, float],
    category_ids: dict[int, set[int]],
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """By label id, [weighted TP, weighted FN] of the class and of its category's hits, one pixel at a time.

    ``average_size`` holds the evaluated labels alone, ``category_ids`` the ids that count as a hit for the label's category.
    """
    of_class = {label: [0.0, 0.0] for label in average_size}
    of_category = {label: [0.0, 0.0] for label in average_size}
    for instances, pred in images:
        pixels: dict[int, list[int]] = {}
        for value, byte in zip(instances.ravel().tolist(), pred.ravel().tolist(), strict=True):
            if value > 1000:
                pixels.setdefault(value, []).append(byte)
        for value in sorted(pixels):
            label, inside = value // 1000, pixels[value]
            if label not in average_size:
                continue
            weight = average_size[label] / len(inside)
            for table, hit_ids in ((of_class, {label}), (of_category, category_ids[label])):
                hits = sum(byte in hit_ids for byte in inside)
                table[label][0] += hits * weight
                table[label][1] += (len(inside) - hits) * weight
    return of_class, of_category
