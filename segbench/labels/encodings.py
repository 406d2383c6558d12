"""The ways in which one label space is written into bytes, told apart by the counts.

Two encodings exist for every label space: ``ids`` (the space's label ids) and ``train-ids`` (class indices 0..C-1, void 255). Counts made
under one can be read under the other by moving rows and columns of the pair histogram; pixels are never rewritten. ``color`` is decoded to
label ids while a picture is read. ``auto`` is label ids, unless the counts of a whole set look like something else.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import BYTES, LabelSpace

Encoding = Literal["auto", "ids", "train-ids", "color"]
OF_BYTES: tuple[Encoding, ...] = ("ids", "train-ids")
FOREIGN = -1


def id_of_byte(labels: LabelSpace, encoding: Encoding, levels: int = 0) -> NDArray[Any]:
    """The label id that a pixel's value stands for, :data:`FOREIGN` where it stands for nothing: int16[256], or int32[65536] of wide maps.

    Train id 255 (65535 in wide maps) is the first void id, as in the Cityscapes scripts; in a label space without void it is foreign.

    :param levels: how many values there are, where that is more than the label space needs.
    """
    levels = max(labels.levels, levels)
    table = np.full(levels, FOREIGN, np.int16 if levels == BYTES else np.int32)
    if encoding == "train-ids":
        table[: len(labels.classes)] = labels.id_of_index
        if labels.void_ids:
            table[labels.levels - 1] = labels.void_ids[0]
    else:
        known = sorted(labels.known_ids)
        table[known] = known
    return table


def foreign_bytes(histogram: NDArray[np.int64], table: NDArray[np.int16]) -> list[int]:
    """Bytes that occur in a histogram int64[256] but stand for nothing under a table."""
    return np.flatnonzero((histogram > 0) & (table == FOREIGN)).tolist()


def to_ids(counts: NDArray[np.int64], table: NDArray[np.int16]) -> NDArray[np.int64]:
    """Counts int64[..., 256] over bytes as counts over label ids, the same array if these are the bytes; foreign bytes must not occur."""
    present = np.flatnonzero(counts.any(axis=tuple(range(counts.ndim - 1))))
    if np.array_equal(table[present], present):
        return counts
    moved = np.zeros_like(counts)
    for byte in present:
        moved[..., table[byte]] += counts[..., byte]
    return moved


def pairs_to_ids(pairs: NDArray[np.int64], target: NDArray[np.int16], pred: NDArray[np.int16]) -> NDArray[np.int64]:
    """Pair counts int64[256, 256] over bytes as pair counts over label ids."""
    return to_ids(to_ids(pairs, pred).T, target).T


def suspect_target(labels: LabelSpace, pairs: NDArray[np.int64]) -> Encoding | None:
    """The encoding that the *targets* of pair counts seem to be in, if it is not label ids.

    Label ids of which most pixels (but not all) would be void, or that do not exist, while train ids explain every byte.
    """
    histogram = pairs.sum(axis=1)
    ids, train = (id_of_byte(labels, encoding) for encoding in OF_BYTES)
    if not histogram.any() or np.array_equal(ids, train) or foreign_bytes(histogram, train):
        return None
    if foreign_bytes(histogram, ids):
        return "train-ids"
    evaluated = int(histogram[labels.index_of_id < len(labels.classes)].sum())
    as_train = int(histogram[: len(labels.classes)].sum())
    # Targets without any evaluated pixel (Cityscapes' test split) are void in either reading.
    return "train-ids" if 0 < evaluated * 2 < int(histogram.sum()) < as_train * 2 else None


def suspect_pred(labels: LabelSpace, pairs: NDArray[np.int64], target: NDArray[np.int16]) -> Encoding | None:
    """The encoding that the *predictions* of pair counts seem to be in, if it is not label ids.

    Train ids must explain every byte, and be right far more often (twice as often, and on a tenth of the pixels more) than label ids.
    """
    histogram = pairs.sum(axis=0)
    ids, train = (id_of_byte(labels, encoding) for encoding in OF_BYTES)
    if np.array_equal(ids, train) or foreign_bytes(histogram, train):
        return None
    acc_ids, acc_train = (_agreement(labels, pairs, target, table) for table in (ids, train))
    return "train-ids" if acc_train >= 2 * acc_ids + 0.1 else None


def _agreement(labels: LabelSpace, pairs: NDArray[np.int64], target: NDArray[np.int16], pred: NDArray[np.int16]) -> float:
    """Share of the evaluated pixels on which the label id of the target byte is that of the predicted byte."""
    evaluated = (target != FOREIGN) & (labels.index_of_id[target] < len(labels.classes))
    total = int(pairs[evaluated].sum())
    equal = (target[:, None] == pred[None, :]) & evaluated[:, None]
    return int(pairs[equal].sum()) / total if total else 0.0
