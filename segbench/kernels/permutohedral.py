"""Gaussian filtering in many dimensions, in time linear in the points, on the permutohedral lattice.

Paper: Adams, Baek & Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice", Eurographics 2010.

    points --splat--> corners of the simplex around each --blur along d + 1 axes--> --slice--> points

The lattice is the set of whole-numbered vectors with d + 1 coordinates that sum to zero and agree modulo d + 1; around any point lie
d + 1 of them, found by rounding and sorting, and the point is their weighted mean. Only occupied corners are stored, in a hash table. The
result approximates ``sum_j exp(-|f_i - f_j|^2 / 2) v_j`` up to a constant factor, which those who use it divide out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

_EMPTY = -1


@dataclass(frozen=True, eq=False)
class Lattice:
    """The occupied lattice of some points: for each the numbers of its corners int32[N, d+1] and their weights float32[N, d+1].

    ``neighbours`` int32[d+1, M, 2] are each corner's two neighbours along every axis; M is that of none.
    """

    corners: NDArray[np.int32]
    weights: NDArray[np.float32]
    neighbours: NDArray[np.int32]

    def filter(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[N, C]: the values float32[N, C] of all points, weighted by nearness."""
        filtered: NDArray[np.float32] = _filter(self.corners, self.weights, self.neighbours, np.ascontiguousarray(values, dtype=np.float32))
        return filtered


def lattice(features: NDArray[np.float32]) -> Lattice:
    """The lattice of points float32[N, d] in units of the Gaussian's standard deviation."""
    points = np.ascontiguousarray(features, dtype=np.float32)
    keys, weights = _embed(points)
    corners, occupied, table = _number(keys)
    return Lattice(corners.reshape(weights.shape), weights, _neighbours(occupied, table))


def _embed(points: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    dimensions = points.shape[1]
    # The blur has variance 2/3 (d+1)^2 in lattice units; these factors make it the unit Gaussian of the features.
    axis = np.arange(dimensions)
    scale = np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt((axis + 1) * (axis + 2))
    keys = np.empty((len(points) * (dimensions + 1), dimensions), np.int32)
    weights = np.empty((len(points), dimensions + 1), np.float32)
    _embed_points(points, scale, keys, weights)
    return keys, weights


@kernel
def _embed_points(points, scale, keys, weights):  # type: ignore[no-untyped-def]
    count, d = points.shape
    lifted, nearest, rank, bary = np.empty(d + 1), np.empty(d + 1, np.int64), np.empty(d + 1, np.int64), np.empty(d + 2)
    for n in range(count):
        # Onto the hyperplane where the coordinates sum to zero.
        total = 0.0
        for j in range(d, 0, -1):
            step = points[n, j - 1] * scale[j - 1]
            lifted[j] = total - j * step
            total += step
        lifted[0] = total
        # The nearest point all of whose coordinates are multiples of d + 1; it may leave the hyperplane by `excess` steps.
        excess = 0
        for j in range(d + 1):
            nearest[j] = np.int64(np.floor(lifted[j] / (d + 1) + 0.5)) * (d + 1)
            excess += nearest[j] // (d + 1)
        for i in range(d + 1):
            rank[i] = 0
        for i in range(d):
            for j in range(i + 1, d + 1):
                if lifted[i] - nearest[i] < lifted[j] - nearest[j]:
                    rank[i] += 1
                else:
                    rank[j] += 1
        # Back onto the hyperplane: those that were rounded furthest step back.
        for i in range(d + 1):
            rank[i] += excess
            if rank[i] < 0:
                rank[i] += d + 1
                nearest[i] += d + 1
            elif rank[i] > d:
                rank[i] -= d + 1
                nearest[i] -= d + 1
        bary[:] = 0.0
        for i in range(d + 1):
            share = (lifted[i] - nearest[i]) / (d + 1)
            bary[d - rank[i]] += share
            bary[d + 1 - rank[i]] -= share
        bary[0] += 1.0 + bary[d + 1]
        for corner in range(d + 1):
            weights[n, corner] = bary[corner]
            for i in range(d):  # the last coordinate follows from the others
                keys[n * (d + 1) + corner, i] = nearest[i] + (corner if rank[i] <= d - corner else corner - (d + 1))


@kernel
def _hash(key):  # type: ignore[no-untyped-def]
    mixed = np.uint64(0)
    for value in key:
        mixed = (mixed + np.uint64(np.uint32(value))) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(20))


@kernel
def _find(table, keys, wanted):  # type: ignore[no-untyped-def]
    """Where a key is in the table, and whether it is there; if it is not, the place that is free for it."""
    slot = _hash(wanted) % len(table)
    while table[slot] != _EMPTY:
        same = True
        for i in range(len(wanted)):
            if keys[table[slot], i] != wanted[i]:
                same = False
                break
        if same:
            return slot, True
        slot = (slot + 1) % len(table)
    return slot, False


@kernel
def _number(keys):  # type: ignore[no-untyped-def]
    """Numbers of the corners in the order in which they first occur; the keys of each number; the hash table."""
    table = np.full(2 * len(keys) + 1, _EMPTY, np.int64)
    numbers, unique, count = np.empty(len(keys), np.int32), np.empty_like(keys), 0
    for n in range(len(keys)):
        slot, known = _find(table, unique, keys[n])
        if not known:
            table[slot] = count
            unique[count] = keys[n]
            count += 1
        numbers[n] = table[slot]
    return numbers, unique[:count].copy(), table


@kernel
def _neighbours(keys, table):  # type: ignore[no-untyped-def]
    count, d = keys.shape
    found = np.empty((d + 1, count, 2), np.int32)
    wanted = np.empty(d, keys.dtype)
    for axis in range(d + 1):
        for n in range(count):
            for side in range(2):
                sign = 1 - 2 * side
                for i in range(d):
                    wanted[i] = keys[n, i] + sign
                if axis < d:
                    wanted[axis] = keys[n, axis] - sign * d
                slot, known = _find(table, keys, wanted)
                found[axis, n, side] = table[slot] if known else count
    return found


@kernel
def _filter(corners, weights, neighbours, values):  # type: ignore[no-untyped-def]
    count, channels = values.shape
    axes, occupied, _ = neighbours.shape
    here, there = np.zeros((occupied + 1, channels), np.float32), np.zeros((occupied + 1, channels), np.float32)  # the last row is nobody's
    for n in range(count):
        for k in range(axes):
            for c in range(channels):
                here[corners[n, k], c] += weights[n, k] * values[n, c]
    for axis in range(axes):
        for m in range(occupied):
            left, right = neighbours[axis, m, 0], neighbours[axis, m, 1]
            for c in range(channels):
                there[m, c] = np.float32(0.5) * here[m, c] + np.float32(0.25) * (here[left, c] + here[right, c])
        here, there = there, here
    out = np.zeros((count, channels), np.float32)
    for n in range(count):
        for k in range(axes):
            for c in range(channels):
                out[n, c] += weights[n, k] * here[corners[n, k], c]
    return out
