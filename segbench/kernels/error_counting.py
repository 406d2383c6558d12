"""Counting wrong pixels by their cause: what the segments are whose pixels are wrong, in one pass over runs.

Rows are cut into runs of one (target class, predicted class), found 64 pixels at a time. Runs are the nodes of two forests, one of target
segments and one of predicted segments: runs of one class that touch by sides are joined, in the row and with the row above::

    runs of row y-1    [road, road] [road, car] [car, car]
    runs of row y      [road, road     ] [car, road] [car, car]       target: road joins road, car joins car; prediction: likewise

Everything that a cause needs is a sum over runs: the pixels of a segment, those of them that are right, and the largest overlap. A segment
with a majority in another one has a single candidate for it, which a weighted vote finds without a table of pairs (Boyer and Moore). Only
wrong runs that get as far as the question "is it near an edge?" are looked at pixel by pixel.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.blocks import LANES, changes, lowest
from segbench.kernels.compiling import kernel
from segbench.kernels.counting import flat
from segbench.kernels.maps import require_two_maps

# blocks: ef9b91adb01d (see there: numba's cache does not notice edits of blocks.py)

BORDER, EXTENT, MISSED, INVENTED, CONFUSION = range(5)
"""Rows of the table."""
SMALL, LARGE = 32**2, 96**2
"""Pixels from which on a segment is not small, and large: where COCO cuts."""
MAX_BORDER = 100
"""Pixels; looking for edges costs the square of it."""

_END, _TARGET, _PRED = range(3)  # of a run: where it ends in the flat map, and its classes
_SIZE, _RIGHT, _VOTE, _VOTES, _SHARED, _PRED_SIZE, _PRED_RIGHT = range(7)
"""Of a target segment: its pixels, the right ones; its candidate, the votes for it, its pixels there. Of a predicted segment: its pixels,
the right ones. A run may be the first of both."""
KEPT = 1 << 17
"""Runs whose memory is kept, 6 MB; noise has more."""


def count_errors(
    target: NDArray[np.uint8],
    pred: NDArray[np.uint8],
    target_index: NDArray[np.uint8],
    pred_index: NDArray[np.uint8],
    classes: int,
    border: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[5, 2, C+1], of each cause the wrong pixels by target class, and by predicted class (C: no class); and int64[C, 3, 4].

    The latter are the segments of the target by class and size (below 32^2 pixels, below 96^2, larger): how many there are, how many of
    them are predicted right by half or more, their pixels, and the right ones.

    :mod:`segbench.metrics.error_causes` says what the causes are.

    :param target: uint8[H, W], ``target_index`` uint8[256] turns its bytes into class indices; ``classes`` or more is void.
    :param pred: uint8[H, W], likewise; ``classes`` or more is no class.
    :param border: how near an edge is, in pixels.
    :raises ValueError: the shapes differ, or the border is not in 1..100.
    """
    require_two_maps(target, pred)
    if not 1 <= border <= MAX_BORDER:
        raise ValueError(f"a border's width is 1 to {MAX_BORDER} pixels, not {border}")
    table, sizes = np.zeros((5, 2, classes + 1), np.int64), np.zeros((classes, 3, 4), np.int64)
    if target.size:
        maps = np.ascontiguousarray(target), np.ascontiguousarray(pred)
        indices = np.minimum(target_index, classes), np.minimum(pred_index, classes)
        rows = np.zeros(len(target) + 1, np.int64)
        runs = _find_runs(flat(maps[0]), flat(maps[1]), *indices, target.shape[1], rows, _room_for_runs(target.shape))
        segments, known = _room_for_segments(runs, int(rows[-1]))
        _count(maps[0], indices[0], classes, border, rows, runs, segments, known, table)
        _count_sizes(runs, int(rows[-1]), classes, segments, known, sizes)
    return table, sizes


def list_segments(
    target: NDArray[np.uint8], pred: NDArray[np.uint8], target_index: NDArray[np.uint8], pred_index: NDArray[np.uint8], classes: int
) -> NDArray[np.int64]:
    """int64[K, 3], of each segment of the target its class, its pixels, and the right ones; arguments as in :func:`count_errors`.

    :raises ValueError: the shapes differ.
    """
    require_two_maps(target, pred)
    if not target.size:
        return np.zeros((0, 3), np.int64)
    maps = np.ascontiguousarray(target), np.ascontiguousarray(pred)
    indices = np.minimum(target_index, classes), np.minimum(pred_index, classes)
    rows = np.zeros(len(target) + 1, np.int64)
    runs = _find_runs(flat(maps[0]), flat(maps[1]), *indices, target.shape[1], rows, _room_for_runs(target.shape))
    segments, known = _room_for_segments(runs, int(rows[-1]))
    found = np.zeros((int(rows[-1]), 3), np.int64)
    return found[: _list_segments(runs, rows, target.shape[1], classes, segments, known, found)]


_kept = threading.local()


def _room_for_runs(shape: tuple[int, ...]) -> NDArray[Any]:
    """[3, K] for the runs of a map, from memory that each thread keeps: fresh memory would cost as much as counting does."""
    room: NDArray[Any] | None = getattr(_kept, "runs", None)
    whole = np.int32 if math.prod(shape) < 1 << 31 else np.int64
    return np.empty((3, 32 * shape[0] + shape[1]), whole) if room is None or room.dtype != whole else room


def _room_for_segments(runs: NDArray[Any], number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """[2, K] and [K, 7] for the segments of so many runs."""
    if runs.shape[1] > KEPT:
        return np.empty((2, number), runs.dtype), np.zeros((number, 7), runs.dtype)
    if getattr(_kept, "runs", None) is not runs:
        _kept.runs = runs
        _kept.segments = np.empty((2, runs.shape[1]), runs.dtype), np.empty((runs.shape[1], 7), runs.dtype)
    segments, known = _kept.segments
    known[:number] = 0
    return segments, known


@kernel
def _count(target: Any, target_index: Any, classes: int, border: int, rows: Any, runs: Any, segments: Any, known: Any, table: Any) -> None:
    width = target.shape[1]
    _find_segments(runs, rows, width, classes, segments)
    _measure(runs, rows[-1], classes, segments, known)
    for y in range(len(rows) - 1):
        start = y * width
        for run in range(rows[y], rows[y + 1]):
            end, t, p = runs[_END, run], runs[_TARGET, run], runs[_PRED, run]
            if t < classes and t != p:
                cause, near = _cause_of(known, segments[0, run], segments[1, run]), 0
                if cause == EXTENT and p < classes:
                    near = _near_edge(target, target_index, y, start - y * width, end - y * width, t, p, border)
                    table[BORDER, 0, t] += near
                    table[BORDER, 1, p] += near
                table[cause, 0, t] += end - start - near
                table[cause, 1, p] += end - start - near
            start = end


@kernel
def _find_runs(target: Any, pred: Any, target_index: Any, pred_index: Any, width: int, rows: Any, runs: Any) -> Any:
    """The runs of flat maps, row after row; ``rows`` becomes the number of the first run of each."""
    total, used = target.size, 0
    one = np.uint64(1)
    for y in range(len(rows) - 1):
        rows[y] = used
        if runs.shape[1] < used + width:
            larger = np.empty((3, 2 * used + width), runs.dtype)
            larger[:, :used] = runs[:, :used]
            runs = larger
        start, end = y * width, (y + 1) * width
        t, p = target_index[target[start]], pred_index[pred[start]]
        for block in range(start + 1, end, LANES):
            if block + LANES <= total:
                bits = changes(target, block) | changes(pred, block)
                if block + LANES > end:
                    bits &= (one << np.uint64(end - block)) - one
            else:
                bits = np.uint64(0)
                for x in range(block, end):
                    if target[x] != target[x - 1] or pred[x] != pred[x - 1]:
                        bits |= one << np.uint64(x - block)
            while bits:
                x = block + lowest(bits)
                bits &= bits - one
                a, b = target_index[target[x]], pred_index[pred[x]]
                if a != t or b != p:  # two bytes of one class do not part it
                    runs[_END, used], runs[_TARGET, used], runs[_PRED, used] = x, t, p
                    used += 1
                    t, p = a, b
        runs[_END, used], runs[_TARGET, used], runs[_PRED, used] = end, t, p
        used += 1
    rows[-1] = used
    return runs


@kernel
def _find_segments(runs: Any, rows: Any, width: int, classes: int, segments: Any) -> None:
    """The target segment and the predicted segment of each run, by the number of its first run. Void is in no segment."""
    targets, preds = segments
    ends, of_target, of_pred = runs
    for y in range(len(rows) - 1):
        first = rows[y]
        above = rows[y - 1] if y > 0 else -1
        for run in range(first, rows[y + 1]):
            t, p, end = of_target[run], of_pred[run], ends[run] - width
            inside = t < classes
            targets[run] = targets[run - 1] if run > first and inside and of_target[run - 1] == t else run
            preds[run] = preds[run - 1] if run > first and of_pred[run - 1] == p else run
            while above >= 0:
                if of_target[above] == t and inside and targets[above] != targets[run]:
                    targets[run] = _join(targets, above, run)
                if of_pred[above] == p and preds[above] != preds[run]:
                    preds[run] = _join(preds, above, run)
                if ends[above] > end:
                    break
                above += 1
                if ends[above - 1] == end:
                    break
    for run in range(rows[-1]):  # a root comes before its runs
        targets[run] = targets[targets[run]]
        preds[run] = preds[preds[run]]


@kernel
def _join(parents: Any, one: int, other: int) -> int:
    """Make one segment of those of two runs; returns the first run of it."""
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    while parents[other] != other:
        parents[other] = parents[parents[other]]
        other = parents[other]
    if one < other:
        parents[other] = one
        return one
    parents[one] = other
    return other


@kernel
def _measure(runs: Any, number: int, classes: int, segments: Any, known: Any) -> None:
    """What is known of segments, in the row of their first run. Void counts nowhere."""
    start = 0
    for run in range(number):
        end, t, p = runs[_END, run], runs[_TARGET, run], runs[_PRED, run]
        pixels = end - start
        start = end
        if t >= classes:
            continue
        mine, other = segments[0, run], segments[1, run]
        known[mine, _SIZE] += pixels
        known[other, _PRED_SIZE] += pixels
        if t == p:
            known[mine, _RIGHT] += pixels
            known[other, _PRED_RIGHT] += pixels
        if known[mine, _VOTE] == other:
            known[mine, _VOTES] += pixels
        elif known[mine, _VOTES] >= pixels:
            known[mine, _VOTES] -= pixels
        else:
            known[mine, _VOTES] = pixels - known[mine, _VOTES]
            known[mine, _VOTE] = other
    start = 0
    for run in range(number):
        end, mine = runs[_END, run], segments[0, run]
        if runs[_TARGET, run] < classes and known[mine, _VOTE] == segments[1, run]:
            known[mine, _SHARED] += end - start
        start = end


@kernel
def _cause_of(known: Any, mine: int, other: int) -> int:
    """The cause of a wrong run in these segments; extent where only its distance from an edge can tell."""
    shared = 2 * known[mine, _SHARED]
    if known[mine, _VOTE] == other and shared > known[mine, _SIZE] and shared > known[other, _PRED_SIZE]:
        return CONFUSION
    if 2 * known[mine, _RIGHT] < known[mine, _SIZE]:
        return MISSED
    if 2 * known[other, _PRED_RIGHT] < known[other, _PRED_SIZE]:
        return INVENTED
    return EXTENT


@kernel
def _count_sizes(runs: Any, number: int, classes: int, segments: Any, known: Any, sizes: Any) -> None:
    for run in range(number):
        t = runs[_TARGET, run]
        if t < classes and segments[0, run] == run:  # the first run of a segment
            pixels, right = known[run, _SIZE], known[run, _RIGHT]
            size = (pixels >= SMALL) + (pixels >= LARGE)
            sizes[t, size, 0] += 1
            sizes[t, size, 1] += 2 * right >= pixels
            sizes[t, size, 2] += pixels
            sizes[t, size, 3] += right


@kernel
def _list_segments(runs: Any, rows: Any, width: int, classes: int, segments: Any, known: Any, found: Any) -> int:
    _find_segments(runs, rows, width, classes, segments)
    _measure(runs, rows[-1], classes, segments, known)
    used = 0
    for run in range(rows[-1]):
        if runs[_TARGET, run] < classes and segments[0, run] == run:
            found[used, 0], found[used, 1], found[used, 2] = runs[_TARGET, run], known[run, _SIZE], known[run, _RIGHT]
            used += 1
    return used


@kernel
def _near_edge(target: Any, target_index: Any, y: int, start: int, end: int, t: int, p: int, border: int) -> int:
    """How many pixels of a run lie near a target pixel of class ``p`` that touches one of class ``t`` by a side."""
    height, width = target.shape
    top, bottom = max(0, y - border), min(height, y + border + 1)
    if end - start <= border and (
        (start > 0 and target_index[target[y, start - 1]] == p)
        or (end < width and target_index[target[y, end]] == p)
        or (y > 0 and target_index[target[y - 1, start]] == p)
        or (y + 1 < height and target_index[target[y + 1, start]] == p)
    ):
        return end - start  # as most are: the run itself touches the other class
    near, following = 0, start
    for x in range(max(0, start - border), min(width, end + border)):
        for v in range(top, bottom):
            if target_index[target[v, x]] == p and (
                (v > 0 and target_index[target[v - 1, x]] == t)
                or (v + 1 < height and target_index[target[v + 1, x]] == t)
                or (x > 0 and target_index[target[v, x - 1]] == t)
                or (x + 1 < width and target_index[target[v, x + 1]] == t)
            ):
                first, last = max(following, x - border), min(end, x + border + 1)
                near += max(0, last - first)
                following = max(following, last)
                break
        if following >= end:
            break
    return near
