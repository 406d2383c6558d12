"""What samples of a duration say: percentiles, how certain their median is, and which of two medians may be called the smaller one.

Several processes that run the same code differ by more than the runs inside one of them do (memory layout, clocks, neighbours), so
samples come as a list for each process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95
REPLICATES = 1000
PERCENTILES = (50, 90, 99)

Interval = tuple[float, float]


def percentiles(processes: Sequence[Sequence[float]]) -> dict[str, float]:
    """``p50``, ``p90`` and ``p99`` of all samples together (linear interpolation)."""
    values = np.percentile(np.concatenate([np.asarray(samples, float) for samples in processes]), PERCENTILES)
    return {f"p{percentile}": float(value) for percentile, value in zip(PERCENTILES, values, strict=True)}


def median_interval(
    processes: Sequence[Sequence[float]], *, level: float = LEVEL, replicates: int = REPLICATES, seed: int = 0
) -> Interval | None:
    """Percentile bootstrap interval of the median: processes are drawn with replacement, and runs within each one that was drawn.

    Of fewer than six runs it is about their range, which holds the true median less often than ``level`` says. ``None`` of a single run.
    """
    rows = [np.asarray(samples, float) for samples in processes if len(samples)]
    if sum(map(len, rows)) < 2:
        return None
    dice = np.random.default_rng(seed)
    medians = np.empty(replicates)
    for i in range(replicates):
        drawn = [rows[j] for j in dice.integers(len(rows), size=len(rows))]
        medians[i] = np.median(np.concatenate([row[dice.integers(len(row), size=len(row))] for row in drawn]))
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def is_faster(a: Interval | None, b: Interval | None) -> bool:
    """Whether ``a`` may be called faster than ``b``: its interval ends before the other's begins. Never without both intervals."""
    return a is not None and b is not None and a[1] < b[0]


def ranks(intervals: Sequence[Interval | None]) -> list[int | None]:
    """For each interval one more than the number of those that are faster; those that none is faster than share rank 1.

    ``None`` where there is no interval.
    """
    return [None if own is None else 1 + sum(is_faster(other, own) for other in intervals) for own in intervals]


def is_tied(index: int, intervals: Sequence[Interval | None]) -> bool:
    """Whether an interval overlaps another one, so that neither may be called faster."""
    own = intervals[index]
    others = [other for position, other in enumerate(intervals) if position != index and other is not None]
    return own is not None and any(not is_faster(own, other) and not is_faster(other, own) for other in others)
