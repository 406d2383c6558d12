"""Errors by cause against scoring without them, in the same run: segments are labelled and every wrong pixel is looked at."""

from __future__ import annotations

import numpy as np

from tests.bench.data import bench_set, paths
from tests.bench.environments import OURS
from tests.bench.rows import Row
from tests.bench.workers import interleaved

PLAIN, WITH = "scoring", "scoring_errors"
AT_MOST = 3  # times the cost of scoring


def measure(quick: bool) -> list[Row]:
    """Milliseconds a pair; "ours" is with errors, and the peer is `score` alone."""
    root = bench_set(4)
    commands: dict[str, list[object]] = {name: [OURS, "-m", "tests.bench.ours", name, root] for name in (PLAIN, WITH)}
    measured, failed = interleaved(commands, 2 if quick else 7, {PLAIN: 2, WITH: 2})
    assert not failed, failed
    assert np.array_equal(measured[PLAIN].counts, measured[WITH].counts)
    plain, causes = (1e3 * measured[name].median / len(paths(root)) for name in (PLAIN, WITH))
    note = f"{causes / plain:.1f} times the cost of `score`; at most {AT_MOST} are asked"
    return [Row("score --errors, a pair", "score", causes, plain, 1 / AT_MOST, note)]
