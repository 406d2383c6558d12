"""Boundary IoU against eroding the mask of each class, both in memory: one pass over runs and columns, or 38 erosions a pair."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from tests.bench.data import bench_set, paths
from tests.bench.environments import OPENCV, OURS, NotInstalled
from tests.bench.rows import Row
from tests.bench.workers import interleaved

PEER = Path(__file__).with_name("peer.py")
NAME = "Boundary IoU, 46 pixels, a pair in memory"


def measure(quick: bool) -> list[Row]:
    """Milliseconds a pair."""
    root = bench_set(4)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs.json"
        file.write_text(json.dumps([list(map(str, pair)) for pair in paths(root, ("target_index", "pred_index"))]))
        commands: dict[str, list[object]] = {"ours": [OURS, "-m", "tests.bench.ours", "boundary", root]}
        problem = ""
        try:
            commands["erosion"] = [OPENCV.python(), PEER, "boundary_erosion", file]
        except (NotInstalled, OSError) as error:
            problem = str(error)
        measured, failed = interleaved(commands, 2 if quick else 7, {"ours": 3})
    ours = 1e3 * measured["ours"].median / len(paths(root))
    if "erosion" not in measured:
        return [Row(NAME, "erosion class by class (OpenCV)", ours, float("nan"), 80, f"not measured: {problem or failed['erosion']}")]
    assert np.array_equal(measured["erosion"].counts, measured["ours"].counts), "Boundary IoU counts something else than erosion does"
    theirs = 1e3 * measured["erosion"].median / len(paths(root))
    return [Row(NAME, "erosion class by class (OpenCV)", ours, theirs, 80, "the same integers; one thread against OpenCV's")]
