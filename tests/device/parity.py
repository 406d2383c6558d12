"""The same pictures on both devices: pixels that move, and mIoU, in each arithmetic."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.datasets.base import Dataset
from segbench.datasets.minicity import minicity
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Precision, Protocol
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import score
from segbench.models.loading import load_models
from tests.device.drawn import drawn_minicity
from tests.device.step import Step, device

NAMES = ["fcn8s", "unet", "segnet", "enet"]
WAYS: dict[str, tuple[Precision, bool]] = {
    "fp32": ("fp32", True),
    "fp32 again": ("fp32", True),
    "fp32 without graphs": ("fp32", False),
    "tf32": ("tf32", True),
    "bf16": ("bf16", True),
    "fp16": ("fp16", True),
}


def run(step: Step) -> None:
    """Counts on the CPU first; then on the device in every way."""
    dataset = minicity(drawn_minicity("val", 4 if step.tiny else 60), "val")
    limit = 2 if step.tiny else 16
    cpu, cpu_scores, _ = counted(dataset, torch.device("cpu"), Protocol(), limit)
    step.say("cpu", miou=dict(zip(NAMES, cpu_scores, strict=True)))
    before: NDArray[np.int64] | None = None
    for way, (precision, graphs) in WAYS.items():
        if device().type == "cpu" and precision == "tf32":
            continue
        if step.has_time(way):
            with step.part(way):
                counts, scores, passes = counted(dataset, device(), Protocol(precision), limit, graphs=graphs)
                moved = {name: int(np.abs(a - b).sum()) // 2 for name, a, b in zip(NAMES, counts, cpu, strict=True)}
                off = {name: round(b - a, 6) for name, a, b in zip(NAMES, cpu_scores, scores, strict=True)}
                same = before is not None and bool(np.array_equal(counts, before))
                step.say(way, pixels=int(counts[0].sum()), moved=moved, miou_off=off, same_as_row_above=same, passes=dict(passes))
                before = counts


def counted(
    dataset: Dataset, where: torch.device, protocol: Protocol, limit: int, *, graphs: bool = True
) -> tuple[NDArray[np.int64], list[float], Counter[str]]:
    """int64[models, 256, 256] pairs over the images, the mIoU of each model, and how passes were run."""
    total, passes = np.zeros((len(NAMES), 256, 256), np.int64), Counter[str]()
    for result in evaluate(load_models(NAMES, dataset, {}, where), dataset.first(limit), protocol=protocol, graphs=graphs):
        total += np.stack([counts.pairs.dense() for counts in result.counts])
        passes.update(result.passes)
    index = np.arange(256, dtype=np.uint8)
    return total, [score(ConfusionMatrix.from_pairs(dataset.labels, one, index)).miou for one in total], passes
