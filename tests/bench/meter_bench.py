"""A validation loop: logits of stride 8 and targets in memory, to a confusion matrix and its scores."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.environments import OURS, TORCHMETRICS, NotInstalled
from tests.bench.rows import Row
from tests.bench.workers import interleaved

PEER = Path(__file__).with_name("peer.py")
BATCHES = 3
OURS_NAME = "loop_meter"
Agrees = Callable[[NDArray[np.int64], NDArray[np.int64]], bool]


def _as_areas(counts: NDArray[np.int64], ours: NDArray[np.int64]) -> bool:
    return np.array_equal(counts, [ours.diagonal(), ours.sum(axis=0), ours.sum(axis=1)])


PEERS: dict[str, tuple[str, Any, float, Agrees]] = {
    "a validation loop, stride 8: torchmetrics JaccardIndex": ("loop_torchmetrics", TORCHMETRICS, 20, np.array_equal),
    "a validation loop, stride 8: torchmetrics MeanIoU": ("loop_torchmetrics_mean_iou", TORCHMETRICS, 20, np.array_equal),
    "a validation loop, stride 8: HuggingFace's example": ("loop_huggingface", None, 20, _as_areas),
}


def measure(quick: bool) -> list[Row]:
    """Milliseconds a batch of one image of 1024x2048; torch's interpolation is part of what a loop must do."""
    rows, missing = [], {}
    with tempfile.TemporaryDirectory() as folder:
        none = Path(folder) / "none.json"
        none.write_text("[]")
        commands: dict[str, list[object]] = {OURS_NAME: [OURS, "-m", "tests.bench.ours", OURS_NAME, folder]}
        for name, (tool, environment, _, _) in PEERS.items():
            try:
                commands[name] = [environment.python() if environment else OURS, PEER, tool, none]
            except NotInstalled as error:
                missing[name] = str(error)
        measured, failed = interleaved(commands, 2 if quick else 7, {OURS_NAME: 3})
    ours = measured[OURS_NAME]
    for name, (tool, environment, at_least, agrees) in PEERS.items():
        if name not in measured:
            rows.append(Row(name, tool, _ms(ours.median), float("nan"), at_least, f"not measured: {(missing | failed)[name]}"))
            continue
        theirs = measured[name]
        assert agrees(theirs.counts, ours.counts), f"{name} counts something else"
        per_core = statistics.median(theirs.busy) / statistics.median(ours.busy)
        about = f"the same integers; {environment.about}" if environment else "the same integers"
        rows.append(Row(name, "its own counting", _ms(ours.median), _ms(theirs.median), at_least, about, per_core=per_core))
    return rows


def _ms(seconds: float) -> float:
    return 1e3 * seconds / BATCHES
