"""What the integrations share: scores as the flat numbers that loggers take, and the counts of all processes."""

from __future__ import annotations

import math

from segbench.evaluation.meter import Meter
from segbench.labels.space import LabelSpace
from segbench.metrics.scores import Scores

WHOLE = ("miou", "acc", "acc_cls", "fwiou")


def flat(scores: Scores, labels: LabelSpace, *, classes: bool = True) -> dict[str, float]:
    """``miou``, ``acc``, ``acc_cls``, ``fwiou`` and ``iou/CLASS``: fractions; what is undefined is left out, as loggers draw no NaN."""
    found = {name: float(getattr(scores, name)) for name in WHOLE}
    if classes:
        found |= {f"iou/{name}": float(iou) for name, iou in zip(labels.class_names, scores.class_iou, strict=True)}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def across_processes(meter: Meter) -> Meter:
    """A meter of what all processes of ``torch.distributed`` counted; the meter itself where there is one process."""
    import torch.distributed as dist

    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return meter.sync() if several else meter
